python3 - <<'END'
import io, tarfile
with tarfile.open("archive.tar", "w") as tar:
    member = tarfile.TarInfo("/abs/f")
    member.size = 2
    tar.addfile(member, io.BytesIO(b"1\n"))
END
