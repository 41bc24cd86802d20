# Sourced by the other scripts: one environment per lock, made with plain pip, from hashes and wheels alone.
# Needs $root (the checkout) and $me (the script's name, for messages).

die() {
  printf '%s: %s\n' "$me" "$1" >&2
  exit 2
}

# find_python: sets $python to the first Python ≥ 3.11 that can make environments.
find_python() {
  without_venv=
  for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    without_venv=${without_venv:-$python}
  done
  [ -z "$without_venv" ] || die "$without_venv lacks its venv module — install it (Debian, Ubuntu: apt install python3-venv)"
  die "Python 3.11 or newer is missing — install it from python.org or your system's packages"
}

# prepare NAME LOCK: makes $root/NAME hold exactly LOCK and this checkout; at once if it does already.
# The stamp is written last, so an interrupted attempt is made anew; it holds the path, because environments cannot be moved.
prepare() {
  venv=$root/$1
  if [ -x "$venv/bin/python" ] && stamp "$2" | cmp -s - "$venv/stamp"; then return; fi
  find_python
  started=$(date +%s)
  printf '%s: installing into %s, once …\n' "$me" "$1" >&2
  "$python" -m venv --clear "$venv" || die "$python could not make $venv — is the disk full or read-only?"
  install --require-hashes --only-binary :all: --requirement "$root/$2"
  install --no-build-isolation --no-deps --editable "$root"
  stamp "$2" >"$venv/stamp"
  printf '%s: installed in %s s\n' "$me" $(($(date +%s) - started)) >&2
}

stamp() {
  printf '%s\n' "$root"
  cat "$root/$1" "$root/pyproject.toml"
}

# What pip says of a network that it cannot reach, when it does not try again, is in its log alone; written by pip itself,
# that log takes a fifth of the time that -vv takes.
install() {
  "$venv/bin/python" -m pip install --quiet --log "$venv/pip.log" --disable-pip-version-check --no-input "$@" \
    >>"$venv/pip.log" 2>&1 && return
  if grep -qiE 'max retries exceeded|connection (error|broken|timed out)|read timed out|failed to connect' "$venv/pip.log"; then
    die "pip could not reach its package index — check the network or pip's proxy; details: $venv/pip.log"
  fi
  die "pip failed: $(grep -E '^ *ERROR: ' "$venv/pip.log" | tail -n 1 | cut -c 1-200) — details: $venv/pip.log"
}
