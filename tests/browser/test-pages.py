#!/usr/bin/env python3
"""Pages of `dpucc report --html` in a real browser: they render, search, click and keys work, nothing
is complained of, nothing is loaded, 800 layers stay responsive, hostile names are only names.

    test-pages.py BIN-DIR MANY-LAYERS [FOLDER-FOR-PICTURES]

Exit status 77: there is no browser here."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import devtools  # noqa: E402

# of the page's thread, from a key to the picture with 800 layers, in the middle; 200 on a machine
# with seven times the load that it has processors
STEP_MS = 600
HOSTILE = ["</script><script>window.pwned = 1</script>", "\"><img src=x onerror=window.pwned=1>",
           "' onclick='window.pwned=1", "<!-- ", "\u202egnp.exe", "x" * 4000, "&lt;b&gt;"]

failures = []


def expect(what, condition, found=""):
    print(("ok      " if condition else "NOT OK  ") + what + (f": {found}" if not condition else ""), flush=True)
    if not condition:
        failures.append(what)


def make_pages(bin_dir, many_layers, folder):
    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def page(name, model, *more):
        run(f"{bin_dir}/dpucc", "report", "--html", "-o", f"{folder}/{name}.html", *more, model)
        return f"{folder}/{name}.html"

    pages = {}
    for network in ("unet", "resnet50"):
        size = ("--size", "64") if network == "unet" else ()
        run(f"{bin_dir}/dpucc", "mkmodel", network, *size, "-o", f"{folder}/{network}.q.xmodel")
        run(f"{bin_dir}/dpucc", "compile", "-x", f"{folder}/{network}.q.xmodel", "--target",
            "DPUCZDX8G_ISA1_B4096", "-o", f"{folder}/{network}", "-n", network)
        pages[network] = page(network, f"{folder}/{network}/{network}.xmodel",
                              "--report", f"{folder}/{network}/report.json")
    run(many_layers, "800", f"{folder}/many.xmodel")
    pages["many"] = page("many", f"{folder}/many.xmodel")
    run(many_layers, "30", f"{folder}/hostile.xmodel", *HOSTILE)
    pages["hostile"] = page("hostile", f"{folder}/hostile.xmodel", "--title", HOSTILE[0],
                            "--note", "name=" + HOSTILE[1], "--previous", f"{folder}/many.xmodel")
    return pages


def in_sight(browser, selector):
    return browser.run(
        f"(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(),"
        "s = document.getElementById('stage').getBoundingClientRect();"
        "return r.width > 0 && r.left >= s.left && r.right <= s.right && r.top >= s.top && r.bottom <= s.bottom; })()")


def check_quiet(browser, name):
    expect(f"{name}: nothing is complained of", not browser.complaints, browser.complaints)
    expect(f"{name}: nothing is loaded", all(url.startswith("file://") for url in browser.requests)
           and len(browser.requests) == 1, browser.requests)


def check_rendering(browser, name, path):
    browser.open(path)
    boxes = browser.run("JSON.parse(document.getElementById('data').textContent).boxes.length")
    expect(f"{name}: a box for each layer", boxes > 0 and boxes == browser.run(
        "document.querySelectorAll('.box').length"), boxes)
    expect(f"{name}: the whole is in sight", in_sight(browser, "#box0")
           and in_sight(browser, f"#box{boxes - 1}"))
    expect(f"{name}: boxes do not cover each other on the screen", browser.run(
        "(() => { const r = [...document.querySelectorAll('.box .card')].map(e => e.getBoundingClientRect());"
        "for (let i = 0; i < r.length; i++) for (let k = 0; k < i; k++)"
        " if (r[i].left < r[k].right && r[k].left < r[i].right && r[i].top < r[k].bottom && r[k].top < r[i].bottom)"
        "  return false; return true; })()"))
    expect(f"{name}: the page is not wider than the screen", browser.run(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
    check_quiet(browser, name)
    return boxes


def check_texts_fit(browser, name):
    """At full size, no caption leaves its box (monospaced thinking does not help with system fonts)."""
    browser.click_on("#zoom-fit")
    wide = browser.run(
        "(() => { const g = document.getElementById('graph'); g.classList.remove('mid', 'far');"
        "return [...document.querySelectorAll('.box')].filter(b => {"
        "const card = b.querySelector('.card').getBBox();"
        "return [...b.querySelectorAll('.label, .type')].some(t => { const r = t.getBBox(); return r.x + r.width > card.width - 2; });"
        "}).length; })()")
    total = browser.run("document.querySelectorAll('.box').length")
    # what does not is clipped; it must be the exception
    expect(f"{name}: captions fit into their boxes", wide <= total / 10, f"{wide} of {total}")


def check_click(browser, name, plain=True):
    browser.click_on("#zoom-fit")
    browser.click_on("#box3 .card")
    expect(f"{name}: a click tells of the layer", browser.run(
        "!document.getElementById('details').hidden && document.querySelector('#details h3').textContent"
        " === JSON.parse(document.getElementById('data').textContent).boxes[3].name"))
    expect(f"{name}: shape, fix point and attributes are there", browser.run(
        "/output.*\u00d7/s.test(document.getElementById('details').textContent)"
        " && document.querySelector('#details summary') !== null") or not plain)
    expect(f"{name}: its lines are marked", browser.run("document.querySelectorAll('.line.in, .line.out').length > 0"))
    expect(f"{name}: it is in sight", in_sight(browser, "#box3"))
    before = browser.run("document.querySelector('.box.current').id")
    browser.key("ArrowDown")
    after = browser.run("document.querySelector('.box.current').id")
    expect(f"{name}: an arrow goes on along the line", before == "box3" and after != before, after)
    expect(f"{name}: the focus goes with it", browser.run("document.activeElement.id") == after)
    browser.key("ArrowUp")
    expect(f"{name}: and back", not plain or browser.run("document.querySelector('.box.current').id") == before)
    browser.click_on("#details .go")
    expect(f"{name}: a neighbour in the details is a way", browser.run(
        "document.querySelector('.box.current').id") != before)
    browser.key("Escape")
    expect(f"{name}: Esc leaves it", browser.run(
        "document.getElementById('details').hidden && !document.querySelector('.box.current')"))
    check_quiet(browser, name)


def check_search(browser, name, word, least):
    browser.run("document.activeElement.blur()")
    browser.key("/", "/")
    expect(f"{name}: '/' goes to the search", browser.run("document.activeElement.id") == "search")
    browser.type(word)
    hits = browser.run("document.querySelectorAll('.box.hit').length")
    expect(f"{name}: '{word}' is found", hits >= least, hits)
    expect(f"{name}: it says how many", browser.run("document.getElementById('found').textContent") == f"{hits} found")
    browser.key("Enter")
    expect(f"{name}: Enter goes to the first", in_sight(browser, ".box.current")
           and browser.run("document.querySelector('.box.current').classList.contains('hit')"))
    browser.key("Enter")
    expect(f"{name}: and to the second", hits < 2 or
           browser.run("document.getElementById('found').textContent") == f"2 of {hits}")
    browser.type("no such layer")
    expect(f"{name}: what is not there is not found", browser.run("document.getElementById('found').textContent") == "nothing")
    browser.key("Escape")
    expect(f"{name}: Esc ends the search", browser.run(
        "document.getElementById('search').value === '' && !document.querySelector('.box.hit')"))


def check_zoom(browser, name):
    view = "document.getElementById('graph').getAttribute('viewBox')"
    browser.click_on("#zoom-fit")
    whole = browser.run(view)
    browser.click_on("#zoom-in")
    near = browser.run(view)
    expect(f"{name}: zoom", near != whole)
    browser.click_on("#zoom-fit")
    browser.click_on("#box0 .card")
    chosen = browser.run(view)
    middle = browser.run("(() => { const r = document.getElementById('stage').getBoundingClientRect();"
                         "return [r.x + r.width / 3, r.y + r.height / 2]; })()")
    browser.mouse("mouseMoved", *middle)
    browser.mouse("mouseWheel", *middle, deltaX=0, deltaY=240)
    moved = browser.wait(f"{view} !== {json.dumps(chosen)}")
    expect(f"{name}: the wheel zooms once the graph has the focus", moved)
    wheeled = browser.run(view)
    browser.mouse("mouseMoved", *middle)
    browser.mouse("mousePressed", *middle, button="left", clickCount=1)
    browser.mouse("mouseMoved", middle[0] + 60, middle[1] + 30, button="left", buttons=1)
    browser.mouse("mouseReleased", middle[0] + 60, middle[1] + 30, button="left", clickCount=1)
    browser.frame()
    expect(f"{name}: dragging moves", browser.run(view).split()[2:] == wheeled.split()[2:]
           and browser.run(view) != wheeled)
    browser.click_on("#zoom-fit")
    expect(f"{name}: fit goes back", browser.run(view) == whole, browser.run(view))


def check_tables(browser, name):
    browser.click_on("#layers tbody tr:nth-child(5) a")
    expect(f"{name}: a name in a table leads to its box", browser.run(
        "document.querySelector('.box.current')?.id") == browser.run(
            "document.querySelector('#layers tbody tr:nth-child(5)').dataset.box.replace(/^/, 'box')"))
    types = "[...document.querySelectorAll('#layers td:nth-child(2)')].map(e => e.textContent)"
    before = browser.run(types)
    browser.click_on("#layers th:nth-child(2) button")
    after = browser.run(types)
    expect(f"{name}: a table can be sorted", after != before and sorted(after) == sorted(before)
           and after[0] < after[-1], after[:3])
    browser.click_on('[data-side="cpu"]')
    expect(f"{name}: a device can be put aside", browser.run(
        "[...document.querySelectorAll('.box.cpu')].every(b => b.classList.contains('off'))"))
    browser.click_on('[data-side="cpu"]')


def check_looks(browser, name):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.run("localStorage.clear(), delete document.documentElement.dataset.theme")
    browser.media(prefers_color_scheme="light")
    light = browser.run(ground)
    browser.media(prefers_color_scheme="dark")
    dark = browser.run(ground)
    expect(f"{name}: light and dark", light != dark, dark)
    browser.click_on("#theme")
    expect(f"{name}: the button turns it over", browser.run(ground) == light)
    browser.click_on("#theme")
    browser.media(media="print", prefers_color_scheme="dark")
    expect(f"{name}: paper is white", browser.run(ground) == "rgb(255, 255, 255)")
    expect(f"{name}: nothing to press on paper", browser.run("document.querySelector('nav').offsetHeight === 0"))
    pdf = base64.b64decode(browser.ask("Page.printToPDF", printBackground=True)["data"])
    expect(f"{name}: it prints", pdf.startswith(b"%PDF") and len(pdf) > 10000, len(pdf))
    browser.media(prefers_color_scheme="light")
    expect(f"{name}: contrast of text", browser.run(
        "(() => { const c = s => { const v = s.match(/[\\d.]+/g).slice(0, 3).map(x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);"
        "return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };"
        "const ratio = (a, b) => (Math.max(c(a), c(b)) + 0.05) / (Math.min(c(a), c(b)) + 0.05);"
        "return [...document.querySelectorAll('p, td, th, h1, h2, .what, .detail')].every(e => e.offsetParent === null || "
        "(() => { let at = e, bg = 'rgba(0, 0, 0, 0)'; while (at && /, 0\\)$/.test(bg)) { bg = getComputedStyle(at).backgroundColor; at = at.parentElement; }"
        "return ratio(getComputedStyle(e).color, bg) >= 4.5; })()); })()"))


def check_access(browser, name):
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    buttons = [n for n in tree if n.get("role", {}).get("value") in ("button", "searchbox", "link", "checkbox")]
    nameless = [n for n in buttons if not n.get("name", {}).get("value", "").strip()]
    expect(f"{name}: whatever can be pressed has a name", buttons and not nameless, len(nameless))
    expect(f"{name}: one box can be reached by Tab", browser.run(
        "document.querySelectorAll('.box[tabindex=\"0\"]').length") == 1)
    expect(f"{name}: ids are unique", browser.run(
        "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return new Set(ids).size === ids.length; })()"))


def check_hostile(browser, path):
    check_rendering(browser, "hostile", path)
    check_click(browser, "hostile", plain=False)
    for i in range(len(HOSTILE)):
        browser.run(f"document.querySelector('#layers a[href=\"#box{i}\"]').click()")
        browser.frame()
    expect("hostile: nothing of it ran", browser.run("window.pwned === undefined"))
    expect("hostile: no element of theirs", browser.run(
        "document.scripts.length === 2 && document.images.length === 0"))
    expect("hostile: the title is the title", browser.run("document.title") == HOSTILE[0])
    expect("hostile: a long name leaves the page as wide as it is", browser.run(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
    expect("hostile: the direction is not turned", browser.run("!document.body.textContent.includes('\\u202e')"))
    check_quiet(browser, "hostile")
    # should something get through all the same: the policy is there
    browser.run("(() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 2';"
                "document.body.append(s); })()")
    expect("hostile: the policy lets no other script run", browser.run("window.pwned === undefined"))


def busy_ms(browser):
    metrics = browser.ask("Performance.getMetrics")["metrics"]
    return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def check_responsive(browser, path):
    began = time.monotonic()
    boxes = check_rendering(browser, "800 layers", path)
    print(f"        800 layers: there after {time.monotonic() - began:.2f} s", flush=True)
    expect("800 layers: all of them", boxes == 800, boxes)
    browser.click_on("#box0 .card")
    browser.ask("Performance.enable", timeDomain="threadTicks")
    steps, wall = [], []
    for press in ["ArrowDown"] * 10 + ["+"] * 8 + ["-"] * 8:
        began, busy = time.monotonic(), busy_ms(browser)
        browser.key(press)
        steps.append(busy_ms(browser) - busy)
        wall.append((time.monotonic() - began) * 1000)
    middle, middle_wall = sorted(steps)[len(steps) // 2], sorted(wall)[len(wall) // 2]
    print(f"        800 layers: a step takes {middle:.0f} ms of the page's thread, {middle_wall:.0f} ms in all", flush=True)
    # of its own time, so that it does not matter what else the machine does
    expect("800 layers: steps are quick", middle < STEP_MS, steps)
    check_search(browser, "800 layers", "layer79", 11)
    check_quiet(browser, "800 layers")


def picture(browser, folder, name):
    if folder:
        data = browser.ask("Page.captureScreenshot", format="png")["data"]
        with open(f"{folder}/{name}.png", "wb") as file:
            file.write(base64.b64decode(data))


def check_all(browser, pages, pictures):
    for name in ("unet", "resnet50"):
        check_rendering(browser, name, pages[name])
        picture(browser, pictures, name)
        check_click(browser, name)
        check_search(browser, name, "conv2d", 3)
        check_zoom(browser, name)
        check_tables(browser, name)
        check_texts_fit(browser, name)
        browser.click_on("#box2 .card")
        picture(browser, pictures, name + "-layer")
        check_access(browser, name)
        check_looks(browser, name)
        check_quiet(browser, name)
    check_responsive(browser, pages["many"])
    picture(browser, pictures, "many")
    check_hostile(browser, pages["hostile"])
    picture(browser, pictures, "hostile")


def main():
    bin_dir, many_layers = sys.argv[1:3]
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    program = devtools.find()
    if not program:
        print("SKIPPED: no browser: Debian package chromium (scripts/bootstrap full)", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory(prefix="dpucc-pages.") as folder:
        pages = make_pages(bin_dir, many_layers, folder)
        with devtools.Browser(program) as browser:
            check_all(browser, pages, pictures)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
