#!/bin/sh
# What the outside may reach of this machine: sshd, 80 and 443. `on`, `off`, or `look`, which says what is missing.
#
# INPUT decides about the machine itself. What a container publishes does not come there: the engine sends it on by FORWARD,
# and leaves the chain DOCKER-USER to others, which it asks first. Here both only drop; what they let pass, other rules
# still decide about.
#
# Of the web, one client may hold so many connections and open so many in a second: an address of IPv4, or a /64 of IPv6,
# which is what one line of a provider has, and many behind one address of IPv4 share. Who wants more is not answered, and comes in
# when others of his end. A table keeps who opened how many; who comes when it is full has to wait, so it has room for 524,288.

set -u
mkdir -p /run/sshd
ssh=$($(command -v sshd || echo /usr/sbin/sshd) -T 2>/dev/null | sed -n 's/^port //p' | sort -u | paste -s -d ,)
ssh=${ssh:-22}

held=128
opened=200/second
burst=400

rules() { # the kind of ICMP, the port at which an answer about this machine's address comes, a client's part of an address
    cat <<END
*filter
:XTASK-CLIENTS - [0:0]
:XTASK-INPUT - [0:0]
:XTASK-PUBLISHED - [0:0]
-A XTASK-CLIENTS -m hashlimit --hashlimit-name xtask-$3 --hashlimit-mode srcip --hashlimit-srcmask $3 --hashlimit-above $opened --hashlimit-burst $burst --hashlimit-htable-size 32768 --hashlimit-htable-max 524288 --hashlimit-htable-gcinterval 500 -j DROP
-A XTASK-CLIENTS -m connlimit --connlimit-saddr --connlimit-mask $3 --connlimit-above $held -j DROP
-A XTASK-INPUT -i lo -j RETURN
-A XTASK-INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A XTASK-INPUT -i docker+ -j RETURN
-A XTASK-INPUT -i br-+ -j RETURN
-A XTASK-INPUT -p $1 -j RETURN
-A XTASK-INPUT -p udp --dport $2 -j RETURN
-A XTASK-INPUT -p tcp --syn -m multiport --dports 80,443 -j XTASK-CLIENTS
-A XTASK-INPUT -p tcp -m multiport --dports $ssh,80,443 -j RETURN
-A XTASK-INPUT -j DROP
-A XTASK-PUBLISHED -i docker+ -j RETURN
-A XTASK-PUBLISHED -i br-+ -j RETURN
-A XTASK-PUBLISHED -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A XTASK-PUBLISHED -p tcp --syn -j XTASK-CLIENTS
-A XTASK-PUBLISHED -p tcp -m conntrack --ctorigdstport 80 -j RETURN
-A XTASK-PUBLISHED -p tcp -m conntrack --ctorigdstport 443 -j RETURN
-A XTASK-PUBLISHED -m conntrack --ctstate DNAT -j DROP
COMMIT
END
}

jumps() { # PROGRAM VERB: -C asks, -I puts them on top, -D takes them away
    "$1" -w "$2" INPUT -j XTASK-INPUT && "$1" -w "$2" DOCKER-USER -j XTASK-PUBLISHED
}

on() { # PROGRAM ICMP PORT PREFIX
    rules "$2" "$3" "$4" | "$1-restore" -w --noflush || return 1
    # The engine makes the chain when there is none, and keeps one that is there.
    "$1" -w -n -L DOCKER-USER >/dev/null 2>&1 || "$1" -w -N DOCKER-USER || return 1
    jumps "$1" -C 2>/dev/null || { jumps "$1" -D 2>/dev/null; jumps "$1" -I; }
}

off() { # PROGRAM
    "$1" -w -D INPUT -j XTASK-INPUT
    "$1" -w -D DOCKER-USER -j XTASK-PUBLISHED
    for chain in XTASK-INPUT XTASK-PUBLISHED XTASK-CLIENTS; do "$1" -w -F $chain && "$1" -w -X $chain; done
}

for program in iptables ip6tables; do
    # A machine without IPv6 has no rules for it.
    "$program" -w -n -L INPUT >/dev/null 2>&1 || { [ $program = ip6tables ] && continue; }
    case $program in iptables) icmp=icmp port=68 prefix=32 ;; *) icmp=ipv6-icmp port=546 prefix=64 ;; esac
    case $1 in
    on) on $program $icmp $port $prefix || exit 1 ;;
    off) off $program 2>/dev/null ;;
    look) jumps $program -C 2>/dev/null || { echo "$program has no rules of it"; exit 1; } ;;
    esac
done
exit 0
