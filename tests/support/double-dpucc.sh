#!/bin/sh
# A double of the programs that a job runs: `dpucc compile`, `check` and `report`, and
# `vai_c_xir`, which has the arguments of `compile` without the word. Copied into a test's
# directory; what it does is read from the folder `control` beside it:
#
#   mode     what compile does: good (default), fail, no-output, wrong-md5, killed, linger,
#            fatal (and status 0), flaky (likewise), flaky-once, silent-kill (status 0);
#            "link NAME": good, but NAME of its output is a link to control/secret; likewise
#            fifo, directory
#   gate     if there: a FIFO that is read before anything is written, so the test decides when
#            the compile goes on
#   stubborn if there: a compile does not end when it is asked to (SIGTERM)
#   check    if there: what check prints instead of "all is well"
#   hindered if there: what check says before it gives up
#   started  one line for each compile: its process id (written here)
#   ended    one line for each compile that reached its end
set -eu
control=$(dirname "$0")/control

read_arguments() {
    xmodel='' arch='' out='' net=''
    while [ $# -gt 1 ]; do
        case $1 in
        -x) xmodel=$2 ;;
        -a) arch=$2 ;;
        -o) out=$2 ;;
        -n) net=$2 ;;
        esac
        shift 2
    done
}

write_output() {
    {
        echo 'not a model, but made from one:'
        md5sum <"$xmodel"
        cat "$arch"
    } >"$out/$net.xmodel"
    printf '{\n    "filename": "%s.xmodel"\n}\n' "$net" >"$out/meta.json"
    md5sum "$out/$net.xmodel" | cut -d' ' -f1 >"$out/md5sum.txt"
    echo '{"report": 1}' >"$out/report.json"
    echo "The compiled xmodel is saved to \"$PWD/$out/$net.xmodel\""
}

leave_trap() {
    rm -rf "${out:?}/$2"
    case $1 in
    link) ln -s "$control/secret" "$out/$2" ;;
    fifo) mkfifo "$out/$2" ;;
    directory) mkdir "$out/$2" ;;
    esac
}

compile() {
    read_arguments "$@"
    [ ! -e "$control/stubborn" ] || trap '' TERM
    echo $$ >>"$control/started"
    if [ -p "$control/gate" ]; then
        read -r _ <"$control/gate" || true
    fi
    case $(cat "$control/mode" 2>/dev/null || echo good) in
    good) write_output ;;
    fail)
        echo 'this model is beyond me' >&2
        exit 3
        ;;
    no-output) echo 'Compile done.' ;;
    wrong-md5)
        write_output
        echo 00000000000000000000000000000000 >"$out/md5sum.txt"
        ;;
    killed) kill -9 $$ ;;
    fatal)
        echo '[UNILOG][FATAL][XCOM_DATA_OUTRANGE][words] the tile is too large' >&2
        ;;
    flaky | flaky-once)
        echo 'half of a model' >"$out/$net.xmodel"
        echo '[UNILOG][FATAL][XCOM_ACGEN_ERROR][words] ' >&2
        [ "$(cat "$control/mode")" = flaky ] || echo good >"$control/mode"
        ;;
    silent-kill) echo 'Killed' >&2 ;;
    linger)
        write_output
        sleep 1000 >/dev/null 2>&1 &
        echo $! >"$control/lingering"
        ;;
    link\ * | fifo\ * | directory\ *)
        write_output
        # shellcheck disable=SC2046 # two words
        leave_trap $(cat "$control/mode")
        ;;
    esac
    echo $$ >>"$control/ended"
}

check() {
    if [ -f "$control/hindered" ]; then
        cat "$control/hindered" >&2
        exit 1
    fi
    if [ -f "$control/check" ]; then
        cat "$control/check"
        exit 8
    fi
    echo '{"check": 1, "ok": true, "problems": [], "dpu_subgraphs": 1, "cpu_subgraphs": 1,' \
        '"fingerprint": "0x0101000056010402", "cpu_ops": ["softmax"]}'
}

case ${1:-} in
compile)
    shift
    compile "$@"
    ;;
check) check ;;
report) echo '{"report": 1, "by": "dpucc report"}' ;;
*) compile "$@" ;;
esac
