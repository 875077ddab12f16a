mkdir empty
chmod 711 empty
