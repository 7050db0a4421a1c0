"""A watched directory, and somebody who works in it as people, editors and git do: write, rename
over, truncate, remove, move folders, make links, change the board. Every step is told to the
history before and after; the sequence of steps depends on the seed alone."""

import contextlib
import os
import random
import shutil
import time

from history import ABSENT, BROKEN, Link

FILES_MAX = 980  # of one workspace: status lists no more than a thousand units
DEPTH_MAX = 12   # of folders in folders
N_HOT = 3        # files that are changed, and asked for, more often than others
FOLDER_FILES = 16
FOLDERS_BACK = 0.1  # of the steps of a workspace that has fewer files than at first
HOT = 0.2        # of the steps are theirs


class Workspace:
    def __init__(self, root, seed, history, log, models, targets):
        self.root, self.history, self.log = root, history, log
        self.models, self.targets = models, targets  # NAME -> path; NAME -> text of an arch.json
        self.random = random.Random(seed)
        self.arch = os.path.join(root, "arch.json")
        self.away = root + ".away"
        self.files = {}  # path -> content, as this actor left it
        self.hot = [os.path.join(root, f"hot{i}_int.xmodel") for i in range(N_HOT)]
        self.bases = {}  # NAME -> a file of it that others are linked to
        self.count = 0   # of files at first; folders that go are made up for
        self.lost = {}  # inode -> [(a path that it had, until when)]
        self.names = 0
        self.n_steps = 0
        self.compiler = "dpucc"  # or "double": Chaos.expected
        os.makedirs(root)
        os.makedirs(self.away)
        self.change_board()

    def fill(self, count):
        """The first files: hard links, so that thousands of them take no room."""
        self.count = count
        for name, path in self.models.items():
            self.bases[name] = os.path.join(self.away, name)
            shutil.copyfile(path, self.bases[name])
        for i in range(count):
            self.add_model(os.path.join(self.root, f"d{i % 16}"))

    def add_model(self, folder):
        os.makedirs(folder, exist_ok=True)
        name = self.random.choice(sorted(self.bases))
        path = self.new_path(folder)
        with self.history.change({path: name}):
            os.link(self.bases[name], path)
        self.files[path] = name

    # --- where ---------------------------------------------------------------------------------

    def folders(self):
        found = [self.root]
        for top, names, _ in os.walk(self.root):
            names[:] = [name for name in names if not name.startswith(".")]
            found += [os.path.join(top, name) for name in names]
        return sorted(found)

    @staticmethod
    def depth(folder):
        return max(top.count("/") for top, _, _ in os.walk(folder)) - folder.count("/")

    def watched(self):
        """What lies in the workspace now, and not in a folder that was moved away. Any thread."""
        return [path for path in list(self.files) if path.startswith(self.root + "/")]

    def new_path(self, folder=None):
        if folder is None and self.random.random() < HOT:
            for path in self.hot:
                if path not in self.files:
                    return path
        self.names += 1
        folder = folder or self.random.choice(self.folders())
        return os.path.join(folder, f"n{self.names}_int.xmodel")

    def some_file(self):
        hot = [path for path in self.hot if path in self.files]
        if hot and self.random.random() < HOT:
            return self.random.choice(hot)
        return self.random.choice(sorted(self.files)) if self.files else None

    def some_model(self):
        return self.random.choice(sorted(self.models))

    def path_to_write(self):
        """An old file or a new one. Not through one of several names: of a write to a file inotify
        tells under the name only that was written to."""
        path = self.some_file() if self.random.random() < 0.8 else None
        if path is None:
            return self.new_path()
        if os.path.islink(path) or os.stat(path).st_nlink > 1:
            self.unlink(path)
        return path

    @contextlib.contextmanager
    def leave(self, paths):
        """What is at paths loses these names, and may keep others."""
        inodes = [(os.lstat(path).st_ino, path) for path in paths if os.path.lexists(path)]
        yield
        for inode, path in inodes:
            self.lost.setdefault(inode, []).append((path, time.monotonic()))

    @contextlib.contextmanager
    def overwrite(self, path, content, meanwhile=()):
        """In place: whoever opened it under a name that it had sees it."""
        lost = self.lost.get(os.stat(path).st_ino, ()) if os.path.exists(path) else ()
        for former, until in lost:
            self.history.write_elsewhere(former, [content, *meanwhile], until)
        with self.history.change({path: content}, meanwhile):
            yield
        self.files[path] = content

    def unlink(self, path):
        with self.history.change({path: ABSENT}), self.leave([path]):
            os.unlink(path)
        del self.files[path]

    # --- steps ---------------------------------------------------------------------------------

    def write(self):
        path, name = self.path_to_write(), self.some_model()
        with open(self.models[name], "rb") as model:
            content = model.read()
        with self.overwrite(path, name, meanwhile=[BROKEN]), open(path, "wb") as file:
            for at in range(0, len(content), 100000):
                file.write(content[at : at + 100000])
                file.flush()
        return f"{path} := {name}"

    def rename_over(self):
        path, name = self.some_file() or self.new_path(), self.some_model()
        shutil.copyfile(self.models[name], path + ".part")
        with self.history.change({path: name}), self.leave([path]):
            os.rename(path + ".part", path)
        self.files[path] = name
        return f"{path} <- {name}"

    def truncate(self):
        path = self.path_to_write()
        size = self.random.choice([0, 1000])
        with self.overwrite(path, BROKEN), open(path, "ab") as file:
            file.truncate(size)
        return f"{path} cut to {size}"

    def remove(self):
        path = self.some_file()
        if path:
            self.unlink(path)
        return f"{path} removed"

    def rename(self):
        path = self.some_file()
        if path is None or os.path.islink(path):
            return "nothing to rename"
        target = self.new_path()
        with self.history.change({path: ABSENT, target: self.files[path]}), self.leave([path]):
            os.rename(path, target)
        self.files[target] = self.files.pop(path)
        return f"{path} -> {target}"

    def hard_link(self):
        path = self.some_file()
        if path is None or os.path.islink(path):
            return "nothing to link"
        target = self.new_path()
        with self.history.change({target: self.files[path]}):
            os.link(path, target)
        self.files[target] = self.files[path]
        return f"{target} = {path}"

    def symbolic_link(self):
        path = self.some_file()
        if path is None or os.path.islink(path):
            return "nothing to link"
        target = self.new_path()
        with self.history.change({target: Link(path)}):
            os.symlink(path, target)
        self.files[target] = Link(path)
        return f"{target} => {path}"

    def touch(self):
        path = self.some_file()
        if path and not os.path.islink(path):
            os.utime(path, (self.random.randrange(2**31), self.random.randrange(2**31)))
        return f"{path} touched"

    def make_folder(self):
        path = os.path.join(self.random.choice(self.folders()), f"d{self.random.randrange(40)}")
        if path.count("/") - self.root.count("/") < 6:
            os.makedirs(path, exist_ok=True)
        return f"{path}/"

    def add_folder(self):
        """With models in it, as git checks one out."""
        path = os.path.join(self.random.choice(self.folders()), f"d{self.random.randrange(40)}")
        if path.count("/") - self.root.count("/") >= DEPTH_MAX:
            return "too deep"
        for _ in range(FOLDER_FILES):
            self.add_model(path)
        return f"{path}/ with {FOLDER_FILES} models"

    def remove_folder(self):
        """With all that is in it, as git does it, unless that is much."""
        path = self.random.choice(self.folders())
        inside = [name for name in self.files if name.startswith(path + "/")]
        if path == self.root or len(inside) > 20:
            return f"{path}/ stays"
        with self.history.change({name: ABSENT for name in inside}), self.leave(inside):
            shutil.rmtree(path)
        for name in inside:
            del self.files[name]
        return f"{path}/ removed"

    def move_files(self, source, target):
        """The history of all that a folder takes with it."""
        inside = [path for path in self.files if path.startswith(source + "/")]
        changes = {path: ABSENT for path in inside}
        changes.update({target + path[len(source):]: self.files[path] for path in inside})
        with self.history.change(changes), self.leave(inside):
            os.rename(source, target)
        for path in inside:
            self.files[target + path[len(source):]] = self.files.pop(path)

    def move_folder(self):
        folders = self.folders()[1:]
        if not folders:
            return "no folder to move"
        source = self.random.choice(folders)
        target = os.path.join(self.random.choice(self.folders()), f"d{self.random.randrange(40)}")
        depth = target.count("/") + self.depth(source) - self.root.count("/")
        if (target + "/").startswith(source + "/") or os.path.lexists(target) or depth > DEPTH_MAX:
            return f"{source} stays"
        self.move_files(source, target)
        return f"{source}/ -> {target}/"

    def move_out_or_in(self):
        away = os.path.join(self.away, f"o{self.random.randrange(4)}")
        if os.path.lexists(away):
            target = os.path.join(self.random.choice(self.folders()), f"d{self.random.randrange(40)}")
            if os.path.lexists(target):
                return f"{away} stays"
            self.move_files(away, target)
            return f"{away}/ -> {target}/"
        folders = self.folders()[1:]
        if not folders:
            return "no folder to move out"
        source = self.random.choice(folders)
        self.move_files(source, away)
        return f"{source}/ -> {away}/"

    def change_board(self):
        name = self.random.choice(sorted(self.targets))
        with open(self.arch + ".part", "w") as file:
            file.write(self.targets[name])
        with self.history.change({self.arch: name}):
            os.rename(self.arch + ".part", self.arch)
        return f"board {name}"

    STEPS = ([write] * 5 + [rename_over] * 6 + [truncate] * 2 + [remove] * 3 + [rename] * 3
             + [hard_link] * 2 + [symbolic_link, touch, make_folder, make_folder, remove_folder,
                move_folder, move_out_or_in])

    def step(self):
        self.n_steps += 1
        step = Workspace.change_board if self.n_steps % 150 == 0 else self.random.choice(self.STEPS)
        if len(self.files) > FILES_MAX:
            step = Workspace.remove
        elif len(self.files) < self.count and self.random.random() < FOLDERS_BACK:
            step = Workspace.add_folder
        self.log(os.path.basename(self.root), f"{step.__name__}: {step(self)}")
