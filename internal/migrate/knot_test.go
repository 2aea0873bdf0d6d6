package migrate_test

import (
	"strings"
	"testing"
)

// TestKnotLua converts calls one by one: each has its value, or is listed.
func TestKnotLua(t *testing.T) {
	checkConversions(t, "knot-resolver", "-- a comment\n", "\n", []conversion{
		{"net.listen('192.0.2.1')", `"192.0.2.1:53" # source.conf:2`, false},
		{"net.listen({'192.0.2.1', '::1@5353'}, 54, {kind='dns', freebind=true})",
			`"[::1]:5353"`, false},
		{"net.listen(net.eth0, 53)", "an interface is named by its addresses", true},
		{"net.listen('192.0.2.1', 853)", "need tls.certificates", true},
		{"net.ipv6 = false", `ipv6: "false" # source.conf:2`, false},
		{"cache.size = 2*GB", `memory: "2048MiB"`, false},
		{"size = 10*MB\ncache.size = size", `memory: "10MiB"`, false},
		{"cache.size = cache.size / 2", "Lua is not run; nearest: cache.memory", true},
		{"cache.open(50 * MB, 'lmdb:///var')", `memory: "50MiB"`, false},
		{"modules.load('serve_stale < cache')", "enabled: true", false},
		{"modules = { dns64 = '2001:db8:64::' }", `"2001:db8:64::/96"`, false},
		{"modules = { 'daf' }", "there is no module daf", true},
		{"policy.add(policy.all(policy.FORWARD('192.0.2.1')))",
			`{name: ".", addresses: ["192.0.2.1:53"]}`, false},
		{"policy:add(policy.all(policy.FORWARD({'192.0.2.1', '192.0.2.2@54'})))",
			`["192.0.2.1:53", "192.0.2.2:54"]`, false},
		{"policy.add(policy.all(policy.TLS_FORWARD({{'192.0.2.1', hostname='a.example'}})))",
			`transport: dot, tls_name: "a.example"`, false},
		{"policy.add(policy.all(policy.TLS_FORWARD({{'192.0.2.1'}})))", "anybody on the way", true},
		{"policy.add(policy.suffix(policy.STUB('127.0.0.1@54'), {todname('a.example')}))",
			`{name: "a.example", addresses: ["127.0.0.1:54"], insecure: true}`, false},
		{"d = policy.todnames({'a.example', 'b.example'})\n" +
			"policy.add(policy.suffix(policy.DENY, d))", `{name: "b.example", type: nxdomain}`,
			false},
		{"policy.add(policy.suffix(policy.ANSWER({}), {todname('a.example')}))",
			"nearest: policy.local_records", true},
		{"policy.add(policy.slice(policy.slice_randomize_psl(), policy.FORWARD('192.0.2.1')))",
			"Lua is not run", true},
		{"policy.add(policy.all(policy.DENY))", "nobody would get any answer", true},
		{"hints['a.example'] = '2001:db8::1'", `"a.example. AAAA 2001:db8::1"`, false},
		{"hints.set('a.example 192.0.2.1')", "in-addr.arpa. PTR a.example.", false},
		{"trust_anchors.remove('.')", "validation: false # by default", false},
		{"trust_anchors.set_insecure({'a.example'})", "insecure:\n    - \"a.example\"", false},
		{"option('NO_MINIMIZE', true)", `qname_minimisation: "off"`, false},
		{"function f(a)\n if a then return 1 end\nend\ncache.min_ttl(5)", "min_ttl: 5s", true},
		{"for i = 1, 3 do\n print(i)\nend\ncache.min_ttl(5)", "min_ttl: 5s", true},
		{"view:addr('10.0.0.0/8', policy.all(policy.NO_ANSWER))",
			`"10.0.0.0/8 drop" # source.conf:2`, false},
		// DROP is SERVFAIL there, whatever its name says.
		{"view:addr('10.0.0.0/8', policy.all(policy.DROP))", `"10.0.0.0/8 refuse"`, false},
		{"view:addr('10.0.0.0/8', policy.suffix(policy.DENY, {todname('x')}))", "nearest: views",
			true},
		{"net.tls_sticket_secret('x')", "source.conf:2: net.tls_sticket_secret …: ", false},
		{"view:tsig('k', policy.all(policy.PASS))", "nearest: views", true},
	})
}

// TestKnotFirstRule: of several rules for a name the first one holds, where here the longest name
// would decide.
func TestKnotFirstRule(t *testing.T) {
	checkConversions(t, "knot-resolver", "", "\n", []conversion{
		{"policy.add(policy.all(policy.FORWARD('192.0.2.1')))\n" +
			"policy.add(policy.suffix(policy.DENY, {todname('a.example')}))",
			"an earlier rule holds for a.example", false},
		{"policy.add(policy.suffix(policy.DENY, {todname('a.example')}))\n" +
			"policy.add(policy.all(policy.FORWARD('192.0.2.1')))",
			`{name: "a.example", type: nxdomain}`, false},
	})
	r := convert(t, "knot-resolver", "view:addr('10.0.0.0/8', policy.all(policy.PASS))\n"+
		"view:addr('10.1.0.0/16', policy.all(policy.REFUSE))\n"+
		"view:addr('0.0.0.0/0', policy.all(policy.REFUSE))\n")
	_, rules, _ := strings.Cut(r.Text, "rules:")
	if !strings.Contains(rules, "10.0.0.0/8 allow") || strings.Contains(rules, "refuse") {
		t.Error(r.Text)
	}
}

// TestKnotFlagsGoOn: flags for names are no rule that decides, and the one behind them holds, as in
// Knot Resolver's own example of a part of the tree that is replaced.
func TestKnotFlagsGoOn(t *testing.T) {
	checkConversions(t, "knot-resolver", "", "\n", []conversion{
		{"extra = policy.todnames({'a.example', 'b.example'})\n" +
			"policy.add(policy.suffix(policy.FLAGS({'NO_CACHE'}), extra))\n" +
			"policy.add(policy.suffix(policy.STUB({'192.0.2.1'}), extra))",
			`{name: "b.example", addresses: ["192.0.2.1:53"], no_cache: true, insecure: true}`,
			false},
		{"policy.add(policy.all(policy.FLAGS('NO_CACHE')))\n" +
			"policy.add(policy.all(policy.FORWARD('192.0.2.1')))",
			`{name: ".", addresses: ["192.0.2.1:53"]}`, true},
		{"policy.add(policy.suffix(policy.FLAGS({'NO_EDNS'}), {todname('a.example')}))",
			"policy.FLAGS for a.example; nearest: resolver", true},
		{"policy.add(policy.all(policy.MIRROR('192.0.2.9')))\n" +
			"policy.add(policy.all(policy.FORWARD('192.0.2.1')))",
			`{name: ".", addresses: ["192.0.2.1:53"]}`, true},
	})
}

// TestKnotUnusablePrefix: without a prefix that can be used there is no DNS64, rather than one by
// another prefix.
func TestKnotUnusablePrefix(t *testing.T) {
	r := convert(t, "knot-resolver", "modules = { dns64 = 'fe80::21b:77ff:0:0' }\n")
	if !r.Lost || strings.Contains(r.Text, "enabled: true") {
		t.Error(r.Text)
	}
}

// TestKnotYAML converts options of version 6.
func TestKnotYAML(t *testing.T) {
	checkConversions(t, "knot-resolver", "workers: 1\n", "\n", []conversion{
		{"network: {listen: [{interface: 192.0.2.1@54}]}", `"192.0.2.1:54" # source.conf:2`, false},
		{"cache: {size-max: 100M, ttl-max: 1d}", `memory: "100MiB"`, false},
		{"dnssec: false", "validation: false", false},
		{"dnssec: {negative-trust-anchors: [a.example]}", "insecure:", false},
		{"views: [{subnets: [10.0.0.0/8], answer: allow}, {subnets: [0.0.0.0/0], answer: refused}]",
			"- \"::/0 allow\" # by default\n      - \"10.0.0.0/8 allow\" # source.conf:2", false},
		{"views: [{subnets: [10.0.0.0/8], tags: [a]}]", "tags; nearest: views", true},
		{"forward: [{subtree: a.example, servers: [192.0.2.1], options: {authoritative: true}}]",
			"stub_zones:", false},
		{"forward: [{subtree: a.example, servers: [192.0.2.1], options: {dnssec: false}}]",
			"insecure: true", false},
		{"forward: [{subtree: ., servers: [{address: 192.0.2.1, transport: tls, hostname: a}]}]",
			`tls_name: "a"`, false},
		{"local-data: {rules: [{name: a.example, subtree: nxdomain}]}", "type: nxdomain", false},
		{"local-data: {rules: [{name: a.example, tags: [x]}]}", "tags; nearest", true},
		{"local-data: {rpz: [{file: absent.rpz}]}", "no such file", true},
		{"dns64: true", `"64:ff9b::/96"`, false},
		{"lua: {script: x}", "Lua is not run", true},
		{"made-up: 1", "this option is not known", true},
	})
}

func FuzzKnot(f *testing.F) {
	f.Add("a = {{{{\nx.y(b\nnet.listen(a[[")
	f.Add("network: {listen: [{interface: [a, 1@x]}]}\nviews: [1]\nforward: {a: b}\n")
	fuzzConvert(f, "knot-resolver", "school.kresd.conf", "forwarder.kresd.conf", "campus.knot.yml")
}
