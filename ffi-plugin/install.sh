#!/bin/sh
# Puts the plugin tcphs and its profile into Wireshark, or takes them out again.
set -eu

usage='usage: sh install.sh [--uninstall] [--personal | --global]

  --uninstall  take out what was put in; files that you have changed stay
  --personal   the folders in your home (usual)
  --global     the folders of all users of this machine (usual for root)'

profile='TCP Handshake'
profile_files='colorfilters dfilter_buttons preferences'
# Wireshark writes this one anew whenever its window is closed.
notes=recent

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

install=yes
scope=personal
[ "$(id -u)" -ne 0 ] || scope=global
for argument in "$@"; do
    case $argument in
    --uninstall) install=no ;;
    --personal) scope=personal ;;
    --global) scope=global ;;
    -h | --help) echo "$usage" && exit 0 ;;
    *) echo "install.sh: \`$argument' means nothing here" >&2 && echo "$usage" >&2 && exit 2 ;;
    esac
done

# The archive has one version's plugin: plugins/X.Y/epan/tcphs.so.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for folder in "$here"/plugins/*; do
    wanted=${folder##*/}
done

# Wireshark's own answers, without the variables that are set for tests.
ask() {
    (unset WIRESHARK_PLUGIN_DIR WIRESHARK_RUN_FROM_BUILD_DIRECTORY && "$program" "$@" 2> /dev/null)
}
program=$(command -v tshark || command -v wireshark) ||
    fail "there is no tshark and no wireshark in PATH"
version=$(ask --version | sed -n '1s/^[^0-9]*\([0-9]*\.[0-9]*\)\..*/\1/p')
if [ $install = yes ] && [ "$version" != "$wanted" ]; then
    fail "this is tcphs for Wireshark $wanted, and $program is version ${version:-unknown}:" \
        "take the archive for that version"
fi

# Folders, as tshark lists them; wireshark alone does not in every version.
folder() {
    ask -G folders | sed -n "s/^$1:[[:space:]]*//p"
}
home_plugins=${HOME:-/nonexistent}/.local/lib/wireshark/plugins
global_plugins=$(folder 'Global Plugins')
global_plugins=${global_plugins%/*}
if [ $scope = global ]; then
    umask 022
    plugins=$global_plugins
    settings=$(folder 'Global configuration')
    [ -n "$plugins" ] && [ -n "$settings" ] || fail "$program does not tell the folders of all users"
    other=$home_plugins other_scope=personal
else
    [ "$(id -u)" -ne 0 ] || fail "Wireshark ignores root's own plugin folder: use --global, or run this as another user"
    [ -n "${HOME:-}" ] || fail "HOME is not set, so there is no folder of yours"
    plugins=$home_plugins
    settings=$(folder 'Personal configuration')
    settings=${settings:-${XDG_CONFIG_HOME:-$HOME/.config}/wireshark}
    other=$global_plugins other_scope=global
fi
plugin=$plugins/$wanted/epan/tcphs.so
target=$settings/profiles/$profile
# The files as they were installed: a file that differs was changed by the user.
original=$target/.tcphs

changed() {
    [ -e "$target/$1" ] && ! cmp -s "$target/$1" "$original/$1"
}

put_in() {
    # Root's own folder is never looked at.
    if [ -e "$other/$wanted/epan/tcphs.so" ] && [ "$scope $(id -u)" != 'global 0' ]; then
        fail "$other/$wanted/epan/tcphs.so is there already, and Wireshark loads only one of the" \
            "two: first take it out (--uninstall --$other_scope)"
    fi
    mkdir -p "${plugin%/*}" "$original"
    # By another name first: a Wireshark that runs now keeps its own.
    cp "$here/plugins/$wanted/epan/tcphs.so" "$plugin.new"
    chmod 755 "$plugin.new"
    mv -f "$plugin.new" "$plugin"
    echo "installed $plugin"
    for file in $profile_files; do
        if changed "$file" && ! cmp -s "$target/$file" "$here/profile/$file"; then
            echo "kept $target/$file, which you have changed"
        else
            cp "$here/profile/$file" "$target/$file"
            chmod 644 "$target/$file"
        fi
        cp "$here/profile/$file" "$original/$file"
    done
    [ -e "$target/$notes" ] || cp "$here/profile/$notes" "$target/$notes"
    echo "installed the profile $target"
    case $program in
    *tshark)
        ask -G plugins | grep -q '^tcphs\.so[[:space:]]' ||
            fail "$plugin is in place, but \`tshark -G plugins' does not list it; its standard error says why"
        ;;
    esac
    echo "Wireshark $version has tcphs when it is started again; wireshark -C \"$profile\" starts it with the profile"
}

# Removes the folder $1 and as many above it as $2 says, as far as they are empty.
prune() {
    empty=$1
    left=$2
    while rmdir "$empty" 2> /dev/null && [ "$left" -gt 0 ]; do
        empty=${empty%/*}
        left=$((left - 1))
    done
}

take_out() {
    found=no
    if [ -e "$plugin" ]; then
        rm "$plugin"
        [ $scope = global ] || prune "${plugin%/*}" 3
        echo "removed $plugin"
        found=yes
    fi
    if [ -d "$original" ]; then
        kept=no
        for file in $profile_files; do
            if changed "$file"; then
                echo "kept $target/$file, which you have changed"
                kept=yes
            else
                rm -f "$target/$file"
            fi
        done
        rm -r "$original"
        [ $kept = yes ] || rm -f "$target/$notes"
        if [ $scope = global ]; then prune "$target" 0; else prune "$target" 2; fi
        [ -d "$target" ] || echo "removed the profile $target"
        found=yes
    fi
    [ $found = yes ] || echo "nothing to remove: there is no $plugin"
}

if [ $install = yes ]; then put_in; else take_out; fi
