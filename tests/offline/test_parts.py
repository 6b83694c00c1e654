import hashlib
import tarfile

from gen_jax.offline import parts


def files(folder, *sizes):
    made = {}
    for number, size in enumerate(sizes):
        path = folder / f"{number}.bin"
        path.write_bytes(bytes([number]) * size)
        made[f"data/{path.name}"] = path
    return made


def test_few_archives_none_of_them_too_large(tmp_path):
    made = files(tmp_path, 55_000, 4_000, 27_000, 55_000, 0, 24_000, 150_000)
    most = 100_000
    archives = parts.plan(made, most)
    assert len(archives) == 5
    content: dict[str, bytes] = {}
    for number, pieces in enumerate(archives):
        part = parts.write(tmp_path / f"part_{number:03}.tar", pieces)
        path = tmp_path / part.name
        assert part.bytes == path.stat().st_size <= most
        assert part.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        with tarfile.open(path) as tar:
            for member in tar:
                content[member.name] = tar.extractfile(member).read()
    whole = {name: content[name] for name in made if name in content}
    assert whole == {name: path.read_bytes() for name, path in made.items() if name in whole}
    cut = [content[f"data/6.bin.piece_{number:03}"] for number in range(2)]
    assert b"".join(cut) == made["data/6.bin"].read_bytes()
    assert set(content) == {*list(made)[:6], *(f"data/6.bin.piece_00{i}" for i in range(2))}


def test_the_same_files_give_the_same_bytes(tmp_path):
    made = files(tmp_path, 10, 20)
    (pieces,) = parts.plan(made, 100_000)
    first = parts.write(tmp_path / "part_000.tar", pieces)
    assert parts.write(tmp_path / "part_000.tar", pieces) == first
