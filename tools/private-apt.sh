# Sourced by tools/get-*: apt's ordinary client on a suite that the machine's own sources do not name, without touching them.

# The first archive that the system's sources name for Debian's main component, as "[options] URI", in either format.
system_archive() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$file" ] || sed -n 's/^deb[ \t]\+\(\[[^]]*\][ \t]\+\)\{0,1\}\([^ \t]*debian\/\{0,1\}\)[ \t].*[ \t]main.*/\1\2/p' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$file" ] || awk '
            function tell() { if (uri != "" && main && !off) print (key != "" ? "[signed-by=" key "] " : "") uri; uri = key = ""; main = off = 0 }
            /^[ \t]*$/ { tell() }
            /^URIs:/ { for (i = 2; i <= NF; i++) if (uri == "" && $i ~ /debian\/?$/) uri = $i }
            /^Components:/ { main = / main/ }
            /^Signed-By: *\// { key = $2 }
            /^Enabled: *no/ { off = 1 }
            END { tell() }' "$file"
    done
}

# private_apt_open folder deb|deb-src suite: makes the sources entry; false when the machine names no archive of Debian.
private_apt_open() {
    apt_work=$1
    archive=$(system_archive | head -1)
    [ -n "$archive" ] || return 1
    mkdir -p "$apt_work/lists/partial" "$apt_work/cache/archives/partial"
    case $archive in
    '['*) echo "$2 $archive $3 main" ;;
    *) echo "$2 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $3 main" ;;
    esac >"$apt_work/sources.list"
}

# private_apt arguments...: apt-get there; what it says is in apt.log.
private_apt() {
    (cd "$apt_work" && apt-get -q -o Dir::Etc::SourceList="$apt_work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt_work/lists" -o Dir::Cache="$apt_work/cache" -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none -o Acquire::Retries=2 "$@") >>"$apt_work/apt.log" 2>&1
}
