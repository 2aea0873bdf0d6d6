// The resolvers: how each is told the same.

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// address is where every resolver listens.
const address = "127.0.0.1:5300"

// subject is a resolver.
type subject struct {
	name   string
	argv   []string // {{dir}} is its folder
	config func(w *world, dir string) map[string]string
	copies int // processes that share the port
}

func subjects(o options) []subject {
	threads := strconv.Itoa(o.threads)
	return []subject{
		{"bailiwick", []string{o.binary, "serve", "--config", "{{dir}}/config"}, bailiwick, 1},
		{"unbound", []string{"unbound", "-d", "-c", "{{dir}}/config"}, unbound(o.threads), 1},
		{"bind", []string{"named", "-f", "-4", "-n", threads, "-c", "{{dir}}/config"}, bind, 1},
		{"knot-resolver", []string{"kresd", "-n", "-c", "{{dir}}/config", "{{dir}}"}, kresd,
			o.threads},
		{"powerdns", []string{"pdns_recursor", "--config-dir={{dir}}"}, powerdns(o.threads), 1},
	}
}

func bailiwick(w *world, _ string) map[string]string {
	return map[string]string{"config": fmt.Sprintf("listen: {udp: [%q], tcp: [%q]}\n"+
		"admin: {listen: \"\"}\nlog: {level: error}\ncache: {memory: 256MiB}\n"+
		"resolver: {ipv6: \"false\", root_hints_file: %q, do_not_query_localhost: false}\n"+
		"trust_anchors: {builtin: false, records: [%q]}\n", address, address, w.hints, w.root)}
}

func unbound(threads int) func(*world, string) map[string]string {
	return func(w *world, _ string) map[string]string {
		return map[string]string{"config": fmt.Sprintf("server:\n  interface: 127.0.0.1@5300\n"+
			"  num-threads: %d\n  so-reuseport: yes\n  do-ip6: no\n  do-daemonize: no\n"+
			"  use-syslog: no\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n"+
			"  msg-cache-size: 128m\n  rrset-cache-size: 128m\n  outgoing-range: 4096\n"+
			"  num-queries-per-thread: 2048\n  do-not-query-localhost: no\n"+
			"  aggressive-nsec: yes\n  qname-minimisation: yes\n  minimal-responses: yes\n"+
			"  root-hints: %q\n  trust-anchor: %q\n  module-config: \"validator iterator\"\n"+
			"remote-control:\n  control-enable: no\n", threads, w.hints, w.root)}
	}
}

func bind(w *world, dir string) map[string]string {
	var owner, class, typ, tag, alg, digest, hash string
	fields := []any{&owner, new(string), &class, &typ, &tag, &alg, &digest, &hash}
	if n, _ := fmt.Sscan(w.root, fields...); n < len(fields) {
		panic("the lab's trust anchor is not a DS record: " + w.root)
	}
	return map[string]string{"config": fmt.Sprintf("options { directory %q; pid-file none; "+
		"lock-file none; session-keyfile none; listen-on port 5300 { 127.0.0.1; }; listen-on-v6 "+
		"{ none; }; recursion yes;\n"+
		"  dnssec-validation yes; synth-from-dnssec yes; max-cache-size 256m; recursive-clients "+
		"10000; empty-zones-enable no; allow-query { any; }; };\n"+
		"controls { };\nzone \".\" { type hint; file %q; };\n"+
		"trust-anchors { . static-ds %s %s %s \"%s\"; };\n"+
		"logging { category default { null; }; };\n", dir, w.hints, tag, alg, digest, hash)}
}

func kresd(w *world, dir string) map[string]string {
	return map[string]string{"config": fmt.Sprintf("log_level('crit')\nnet.ipv6 = false\n"+
		"net.listen('127.0.0.1', 5300, { kind = 'dns' })\ncache.open(256 * MB, 'lmdb://%s')\n"+
		"modules = { 'hints > iterate' }\n"+
		"hints.use_nodata(false)\nhints.root_file('%s')\nmodules.unload('ta_update')\n"+
		"modules.unload('ta_signal_query')\nmodules.unload('detect_time_jump')\n"+
		"trust_anchors.remove('.')\ntrust_anchors.add('%s')\n",
		filepath.Join(filepath.Dir(dir), filepath.Base(dir)+"-cache"), w.hints, w.root)}
}

func powerdns(threads int) func(*world, string) map[string]string {
	return func(w *world, dir string) map[string]string {
		var tag, alg, digest, hash string
		_, _ = fmt.Sscan(w.root, new(string), new(string), new(string), new(string), &tag, &alg,
			&digest, &hash)
		return map[string]string{
			"anchors.lua": fmt.Sprintf("clearTA('.')\naddTA('.', '%s %s %s %s')\n", tag, alg,
				digest, hash),
			"recursor.conf": fmt.Sprintf("local-address=127.0.0.1\nlocal-port=5300\nthreads=%d\n"+
				"pdns-distributes-queries=no\nreuseport=yes\ndnssec=validate\nhint-file=%s\n"+
				"lua-config-file=%s/anchors.lua\nmax-cache-entries=500000\n"+
				"max-packetcache-entries=500000\naggressive-nsec-cache-size=100000\n"+
				"query-local-address=0.0.0.0\ndont-query=\nsecurity-poll-suffix=\ndaemon=no\n"+
				"write-pid=no\nsocket-dir=%s\ndisable-syslog=yes\nquiet=yes\nloglevel=0\n"+
				"setuid=\nsetgid=\n",
				threads, w.hints, dir, dir),
		}
	}
}
