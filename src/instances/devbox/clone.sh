# Clones a repository into a folder that isn't there yet: URL, REF, FOLDER, ORIGIN. What it is given it takes as words alone.
set -eu
url=$1 ref=$2 folder=$3 origin=$4
if [ -e "$folder" ]; then
    exit 0
fi
if ! command -v git >/dev/null 2>&1; then
    echo "the image has no git, which clones the repository: take an image that has it, or leave the repository out" >&2
    exit 1
fi
# Nobody is there to be asked.
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
part="${folder%/*}/.${folder##*/}.part"
rm -rf "$part"
if [ -z "${AMPOULE_GIT_CREDENTIALS:-}" ]; then
    git clone --quiet -- "$url" "$part"
elif [ -n "$origin" ]; then
    # git asks this whenever it needs to, now and later; the configuration says where the answer is, not what it is.
    helper='!f() { test "$1" = get || exit 0; case "$AMPOULE_GIT_CREDENTIALS" in
*:*) printf "username=%s\npassword=%s\n" "${AMPOULE_GIT_CREDENTIALS%%:*}" "${AMPOULE_GIT_CREDENTIALS#*:}" ;;
*) printf "username=x-access-token\npassword=%s\n" "$AMPOULE_GIT_CREDENTIALS" ;; esac; }; f'
    git clone --quiet --config "credential.$origin.helper=$helper" -- "$url" "$part"
else
    eval "$(ssh-agent)" >/dev/null
    trap 'kill "$SSH_AGENT_PID"' EXIT
    printf '%s\n' "$AMPOULE_GIT_CREDENTIALS" | ssh-add -q -
    git clone --quiet -- "$url" "$part"
fi
if [ -n "$ref" ] && ! git -C "$part" checkout --quiet "$ref" -- 2>/dev/null; then
    # A commit that no branch has.
    git -C "$part" fetch --quiet origin "$ref"
    git -C "$part" checkout --quiet FETCH_HEAD --
fi
mv "$part" "$folder"
