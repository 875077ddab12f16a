mkdir -p t/d/e && echo 1 > t/f && echo 2 > t/d/e/g && ln -s f t/l && ln t/f t/h && chmod 750 t/d && chmod 4711 t/d/e/g && chown 7:8 t/f t/d
tar czf picture.png -C t .
rm -rf t
