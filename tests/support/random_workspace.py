#!/usr/bin/env python3
"""Thousands of random file operations below a directory, as people, editors and git do them.

    random_workspace.py DIR SEED COUNT MODEL...

MODELs are contents to be saved. Nothing is said of what was done: the test compares what the
daemon says of DIR with DIR."""

import os
import random
import shutil
import sys

root, seed, count, models = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
rng = random.Random(seed)
outside = root + ".outside"
os.makedirs(outside, exist_ok=True)


def directories():
    found = [root]
    for top, names, _ in os.walk(root):
        found += [os.path.join(top, name) for name in names if not name.startswith(".")]
    return found


def files():
    return [os.path.join(top, name) for top, _, names in os.walk(root) for name in names
            if name.endswith(".xmodel")]


def new_path(suffix=".xmodel"):
    return os.path.join(rng.choice(directories()), f"n{rng.randrange(40)}{suffix}")


def path_to_write():
    """Not through one of several hard links: inotify tells of the name that was written only."""
    path = new_path()
    if os.path.exists(path) and os.stat(path).st_nlink > 1:
        os.unlink(path)
    return path


def save():
    shutil.copyfile(rng.choice(models), path_to_write())


def save_by_rename():
    path = new_path()
    shutil.copyfile(rng.choice(models), path + ".tmp")
    os.rename(path + ".tmp", path)


def save_nothing():
    with open(path_to_write(), "wb"):
        pass


def save_in_pieces():
    with open(rng.choice(models), "rb") as model, open(path_to_write(), "wb") as file:
        while piece := model.read(100000):
            file.write(piece)
            file.flush()


def link():
    found = files()
    path = new_path()
    if found and not os.path.lexists(path):
        os.link(rng.choice(found), path)


def remove():
    found = files()
    if found:
        os.unlink(rng.choice(found))


def rename():
    found = files()
    if found:
        os.rename(rng.choice(found), new_path())


def make_directory():
    os.makedirs(os.path.join(rng.choice(directories()), f"d{rng.randrange(8)}",
                             f"d{rng.randrange(8)}"), exist_ok=True)


def remove_tree():
    found = directories()[1:]
    if found and rng.random() < 0.3:
        shutil.rmtree(rng.choice(found))


def move_directory():
    found = directories()[1:]
    if not found:
        return
    source, target = rng.choice(found), os.path.join(rng.choice(directories()), f"d{rng.randrange(8)}")
    if not target.startswith(source) and not os.path.exists(target):
        os.rename(source, target)


def move_out_and_in():
    found = directories()[1:]
    away = os.path.join(outside, f"o{rng.randrange(4)}")
    if os.path.exists(away):
        target = os.path.join(rng.choice(directories()), f"d{rng.randrange(8)}")
        if not os.path.exists(target):
            os.rename(away, target)
    elif found:
        os.rename(rng.choice(found), away)


OPERATIONS = [save, save, save_by_rename, save_by_rename, save_nothing, save_in_pieces, link, remove,
              remove, rename, rename, make_directory, make_directory, remove_tree, move_directory,
              move_out_and_in]

for _ in range(count):
    rng.choice(OPERATIONS)()
