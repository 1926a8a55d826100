# Finds, or installs, a Python that Odoo 19 runs on. Sourced by scripts/start and scripts/test; sets $python.

suite_supports() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

suite_find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null && suite_supports "$candidate"; then
            python=$candidate
            return 0
        fi
    done
    return 1
}

suite_install_python() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            echo "There is no Python 3.10 to 3.13 on this machine, and only root can install it." >&2
            echo "Please run once:  sudo apt-get install python3 python3-venv" >&2
            return 1
        fi
    fi
    if ! command -v apt-get >/dev/null; then
        echo "There is no Python 3.10 to 3.13 on this machine, and no apt-get to install it with." >&2
        echo "Please install one; Debian and Ubuntu are the systems this script knows." >&2
        return 1
    fi
    echo "Installing Python …"
    local output apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends)
    if ! output=$({ "${apt[@]}" update && "${apt[@]}" install python3 python3-venv; } 2>&1); then
        printf '%s\n' "$output" | tail -n 20 >&2
        echo "Python could not be installed. Is the machine online?" >&2
        return 1
    fi
}

if ! suite_find_python; then
    suite_install_python || exit 1
    suite_find_python || {
        echo "The Python of this system is not one that Odoo 19 runs on (3.10 to 3.13)." >&2
        exit 1
    }
fi
