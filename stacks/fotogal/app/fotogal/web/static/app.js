// The scripts of every page. Each finds its elements by a data attribute and does nothing where there are none.
// Without them every page works too: what they take over are links and forms.
import { followButtons } from "./follow.js";
import { keys } from "./keys.js";
import { endlessList } from "./endless.js";
import { reactionButtons } from "./react.js";
import { upload } from "./upload.js";
import { oneSubmit } from "./submit.js";

document.documentElement.classList.add("scripted");
reactionButtons();
followButtons();
endlessList();
upload();
oneSubmit();
keys();
