"""Forms: how one attribute goes from what people write (short, long, as text) to its one canonical shape. A form is a function; tables of forms are the rules."""
