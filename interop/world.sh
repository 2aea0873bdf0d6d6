#!/bin/sh
# Makes a small internet of real authoritative servers in the folder $1 and starts it: BIND, NSD and Knot DNS, each with zones that were signed
# with its makers' own tools. Run it in a network namespace of its own (interop_test.go does): it puts addresses on the loopback interface.
#
#   10.53.0.1  BIND  .            ECDSA P-256, NSEC      dnssec-signzone
#   10.53.0.2  BIND  test.        RSA/SHA-256, NSEC3 with opt-out    dnssec-signzone
#              BIND  rsa.test.    RSA/SHA-256, NSEC3     dnssec-signzone
#              BIND  bogus.test., expired.test., mismatch.test.   broken after signing
#   10.53.0.3  NSD   nsec.test.   ECDSA P-256, NSEC      ldns-signzone
#              NSD   nsec3.test.  RSA/SHA-512, NSEC3     ldns-signzone
#              NSD   unsigned.test.
#   10.53.0.4  Knot  ed.test.     Ed25519, NSEC          signs by itself
#              Knot  ed3.test.    ECDSA P-384, NSEC3     signs by itself
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir"
cd "$dir"
ip link set lo up
for n in 1 2 3 4; do ip addr add 10.53.0.$n/32 dev lo; done

# zone NAME ADDRESS: the records that every zone has.
zone() {
	cat <<-EOF
		\$ORIGIN $1
		\$TTL 300
		@ SOA ns hostmaster 1 3600 600 86400 60
		@ NS ns
		ns A $2
		@ MX 10 mail
		mail A 192.0.2.25
		mail AAAA 2001:db8::25
		www A 192.0.2.80
		www AAAA 2001:db8::80
		txt TXT "one" "two"
		alias CNAME www
		chain CNAME alias
		away CNAME www.nsec.test.
		nowhere CNAME missing
		*.wild A 192.0.2.99
		*.wildalias CNAME www
		a.b.c.ent A 192.0.2.7
		tree DNAME forest
		leaf.forest A 192.0.2.8
		srv SRV 1 2 3 www
		caa CAA 0 issue "example"
		UPPER A 192.0.2.9
	EOF
}

# delegate NAME ADDRESS: NS and glue for the parent.
delegate() { printf '%s NS ns.%s\nns.%s A %s\n' "$1" "$1" "$1" "$2"; }

# Knot signs its zones by itself; its DS come from its keys.
mkdir -p knot
zone ed.test. 10.53.0.4 >knot/ed.test.zone
zone ed3.test. 10.53.0.4 >knot/ed3.test.zone
cat >knot/knot.conf <<-EOF
	server:
	    rundir: "$dir/knot"
	    listen: 10.53.0.4@53
	log:
	  - target: stderr
	    any: error
	database:
	    storage: "$dir/knot"
	policy:
	  - id: ed
	    algorithm: ed25519
	    single-type-signing: on
	  - id: ed3
	    algorithm: ecdsap384sha384
	    single-type-signing: on
	    nsec3: on
	    nsec3-iterations: 5
	    nsec3-salt-length: 4
	template:
	  - id: default
	    storage: "$dir/knot"
	    file: "%s.zone"
	    dnssec-signing: on
	    zonefile-sync: -1
	    journal-content: none
	zone:
	  - domain: ed.test.
	    file: "ed.test.zone"
	    dnssec-policy: ed
	  - domain: ed3.test.
	    file: "ed3.test.zone"
	    dnssec-policy: ed3
EOF
knotd -c knot/knot.conf >knot/log 2>&1 &
echo $! >>pids
for i in $(seq 50); do
	kdig @10.53.0.4 ed3.test. DNSKEY +short +timeout=1 +retry=0 2>/dev/null | grep -q . && break
	sleep 0.2
done
: >ds.test
for z in ed.test. ed3.test.; do keymgr -c knot/knot.conf $z ds | grep ' 2 ' >>ds.test; done

# NSD's zones are signed with ldns.
mkdir -p nsd && cd nsd
zone nsec.test. 10.53.0.3 >nsec.test
zone nsec3.test. 10.53.0.3 >nsec3.test
zone unsigned.test. 10.53.0.3 >unsigned.test.signed
k=$(ldns-keygen -a ECDSAP256SHA256 -k nsec.test.)
ldns-signzone -f nsec.test.signed nsec.test "$k"
cat "$k.ds" >>../ds.test
k=$(ldns-keygen -a RSASHA512 -b 2048 -k nsec3.test.)
ldns-signzone -n -t 3 -s abcd -f nsec3.test.signed nsec3.test "$k"
cat "$k.ds" >>../ds.test
cat >nsd.conf <<-EOF
	server:
	  ip-address: 10.53.0.3
	  username: ""
	  zonesdir: "$dir/nsd"
	  database: ""
	  pidfile: ""
	  xfrdfile: ""
	  zonelistfile: "$dir/nsd/zone.list"
	  verbosity: 0
	  rrl-ratelimit: 0
	remote-control:
	  control-enable: no
EOF
for z in nsec.test nsec3.test unsigned.test; do printf 'zone:\n  name: %s\n  zonefile: %s.signed\n' $z $z >>nsd.conf; done
nsd -d -c nsd.conf >log 2>&1 &
echo $! >>../pids
cd ..

# BIND's zones; a DS in the parent's file signs the delegation.
mkdir -p bind && cd bind
sign() { # zone, options of dnssec-signzone
	z=$1
	shift
	dnssec-signzone -q -o "$z" -S -K . -N keep -f "$z.signed" "$@" "$z.zone" >log.sign 2>&1 || { cat log.sign; exit 1; }
}
for z in rsa.test. bogus.test. expired.test. mismatch.test.; do
	zone $z 10.53.0.2 >$z.zone
	dnssec-keygen -q -a RSASHA256 -b 2048 -f KSK $z >ksk
	dnssec-keygen -q -a RSASHA256 -b 2048 $z >/dev/null
	dnssec-dsfromkey -2 "$(cat ksk)" >ds
	case $z in
	mismatch.test.) sed 's/[0-9A-F]\{8\}$/00000000/' ds >>../ds.test ;;
	*) cat ds >>../ds.test ;;
	esac
done
sign rsa.test. -3 cafe -H 0
sign bogus.test.
sign mismatch.test.
sign expired.test. -P -s now-30d -e now-1d
sed -i 's/192\.0\.2\.80/192.0.2.81/; s/192\.0\.2\.25/192.0.2.26/' bogus.test..signed
{
	printf '$ORIGIN test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 10.53.0.2\nwww A 192.0.2.1\n'
	for z in rsa bogus expired mismatch; do delegate $z.test. 10.53.0.2; done
	for z in nsec nsec3 unsigned; do delegate $z.test. 10.53.0.3; done
	for z in ed ed3; do delegate $z.test. 10.53.0.4; done
	cat ../ds.test
} >test..zone
dnssec-keygen -q -a RSASHA256 -b 2048 -f KSK test. >ksk
dnssec-keygen -q -a RSASHA256 -b 2048 test. >/dev/null
dnssec-dsfromkey -2 "$(cat ksk)" >ds.root
sign test. -3 beef -A -H 0
{
	printf '$ORIGIN .\n$TTL 300\n@ SOA a.root. hostmaster.root. 1 3600 600 86400 60\n@ NS a.root.\na.root. A 10.53.0.1\n'
	delegate test. 10.53.0.2
	cat ds.root
} >..zone
dnssec-keygen -q -a ECDSAP256SHA256 -f KSK . >ksk
dnssec-keygen -q -a ECDSAP256SHA256 . >/dev/null
sign .
grep -v '^;' "$(cat ksk).key" >../anchor.key
dnssec-dsfromkey -2 "$(cat ksk)" >../anchor.ds
for n in 1 2; do
	{
		printf 'options { directory "%s/bind"; listen-on { 10.53.0.%d; }; listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none; minimal-responses no; dnssec-validation no; };\ncontrols { };\n' "$dir" $n
		case $n in
		1) zones=. ;;
		2) zones="test. rsa.test. bogus.test. expired.test. mismatch.test." ;;
		esac
		for z in $zones; do printf 'zone "%s" { type primary; file "%s.signed"; };\n' $z $z; done
	} >auth$n.conf
	named -f -4 -n 1 -c auth$n.conf >log$n 2>&1 &
	echo $! >>../pids
done
cd ..

# The resolvers to compare with.
printf '. 300 NS a.root.\na.root. 300 A 10.53.0.1\n' >hints
cat >unbound.conf <<-EOF
	server:
	  interface: 127.0.0.1@5301
	  do-ip6: no
	  do-daemonize: no
	  use-syslog: no
	  username: ""
	  chroot: ""
	  pidfile: ""
	  directory: "$dir"
	  root-hints: "$dir/hints"
	  trust-anchor-file: "$dir/anchor.key"
	  module-config: "validator iterator"
	  local-zone: "test." nodefault
	  minimal-responses: yes
	remote-control:
	  control-enable: no
EOF
unbound -d -c unbound.conf >unbound.log 2>&1 &
echo $! >>pids
key=$(awk '{ for (i = 1; i <= NF; i++) if ($i == "DNSKEY") { k = ""; for (j = i + 4; j <= NF; j++) k = k $j; print $(i+1), $(i+2), $(i+3), "\"" k "\"" } }' anchor.key)
printf 'options { directory "%s"; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; minimal-responses yes; empty-zones-enable no; };\ncontrols { };\ntrust-anchors { "." static-key %s; };\nzone "." { type hint; file "hints"; };\n' "$dir" "$key" >named.conf
printf 'trust-anchors { "." static-key %s; };\n' "$key" >delv.keys
named -f -4 -n 1 -c named.conf >named.log 2>&1 &
echo $! >>pids
for at in "10.53.0.1 . SOA" "10.53.0.2 test. SOA" "10.53.0.3 nsec3.test. SOA" "127.0.0.1@5301 www.test. A" "127.0.0.1@5302 www.test. A"; do
	# shellcheck disable=SC2086
	set -- $at
	for i in $(seq 50); do
		kdig "@$1" "$2" "$3" +timeout=2 +retry=0 2>/dev/null | grep -q 'status: NOERROR' && break
		sleep 0.2
	done
done
