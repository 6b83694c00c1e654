"""A checkout of a project of a few lines, and a wheel."""

import subprocess
import zipfile

SETUP = """[options]
install_requires =
    # of which a comment
    jax>=0.10
    tool>=1; python_version > '3'
"""


def make(root):
    """Commits a few files; others are ignored, unknown or gone."""
    root.mkdir()
    (root / "setup.cfg").write_text(SETUP)
    (root / "run.py").write_text("print('hello')\n")
    (root / "run.py").chmod(0o700)
    (root / "gone.py").write_text("")
    (root / "deep").mkdir()
    (root / "deep/größe.txt").write_text("x" * 3000)
    (root / "link").symlink_to("deep/größe.txt")
    (root / ".gitignore").write_text("/runs/\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=Begin")
    (root / "gone.py").unlink()
    (root / "new.py").write_text("")
    (root / "runs").mkdir()
    (root / "runs/config.json").write_text("{}")
    return root


def git(root, *args):
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(root), *who, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def wheel(folder, name="tool", version="1.0"):
    """A wheel of one module that says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in {**files, f"{info}/RECORD": listed}.items():
            archive.writestr(each, text)
    return path
