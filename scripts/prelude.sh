# shellcheck shell=bash
# Sourced by the scripts beside it. It prints a script's leading comment on -h, puts bin/ on PATH, and lets the scripts run
# on the project in the current directory; the stack "sandbox" runs in the embedded AWS.

usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# takes <least> <most> "$@": how many arguments there have to be.
takes() {
  local least=$1 most=$2
  shift 2
  local argument
  for argument in "$@"; do
    if [[ $argument == -h || $argument == --help ]]; then
      usage
      exit
    fi
  done
  if (($# < least || $# > most)); then
    usage >&2
    exit 2
  fi
}

# on_stack <stack> "$@": what follows concerns this stack; the script's own arguments are for its run in the sandbox.
on_stack() {
  stack=$1
  shift
  [[ $stack =~ ^[A-Za-z0-9_.-]+$ && -f Pulumi.$stack.yaml ]] ||
    fail "no stack ${stack@Q} here: there is no Pulumi.<stack>.yaml for it in $PWD"
  if [[ $stack == sandbox && -z ${PULUMI_DEBUG_PROVIDERS:-} ]]; then
    # SANDBOX names a prebuilt one.
    exec ${SANDBOX:-go run ./sandbox} "$0" "$@"
  fi
}

# on_this runs a command of the CLI on the stack.
on_this() { pulumi "$@" --stack="$stack" --non-interactive --color=never; }

# state_mark changes with every change of the stack's state, be it an update, a refresh, an import or an edit.
state_mark() { on_this stack export | sha256sum | cut -d ' ' -f 1; }

# source_commit is the commit that is checked out, marked where files differ from it. On GitHub a checkout is clean but for
# what the workflow itself puts into the stack's file.
source_commit() {
  if [[ -n ${GITHUB_SHA:-} ]]; then
    echo "$GITHUB_SHA"
  else
    git describe --always --abbrev=40 --exclude='*' --dirty
  fi
}

PATH=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/bin:$PATH
export PULUMI_SKIP_UPDATE_CHECK=true
