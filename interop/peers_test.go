// All resolvers side by side, in front of one lab.

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// peers are resolvers in front of the same lab, ours first.
var peers = []struct{ name, at string }{{"Bailiwick", "127.0.0.1:5340"},
	{"Unbound", "127.0.0.1:5341"}, {"BIND", "127.0.0.1:5342"},
	{"Knot Resolver", "127.0.0.1:5343"}, {"PowerDNS", "127.0.0.1:5344"}}

// peerPrograms are what the peers need.
var peerPrograms = []string{"ip", "unshare", "unbound", "named", "kresd", "pdns_recursor"}

// labNetwork is where a lab's servers are for resolvers that do not ask loopback addresses.
var labNetwork = [2]byte{10, 53}

// addNetwork makes the addresses of labNetwork this machine's.
func addNetwork(t *testing.T) {
	t.Helper()
	loopback(t)
	run(t, "ip", "addr", "add", fmt.Sprintf("%d.%d.0.1/16", labNetwork[0], labNetwork[1]), "dev",
		"lo")
}

// startPeers starts all resolvers in front of a lab. They validate, and have no other settings than
// those that the lab needs.
func (d folder) startPeers(t *testing.T, root root) {
	t.Helper()
	d.startPeersWith(t, root, "", "")
}

// startPeersWith is startPeers with further lines of our configuration, and options of BIND.
func (d folder) startPeersWith(t *testing.T, root root, own, bind string) {
	t.Helper()
	hints, anchor := d.write(t, "hints", root.hints()), d.write(t, "anchor", root.anchor+"\n")
	start(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"log: {level: error}\nresolver: {ipv6: \"false\", root_hints_file: %q}\n"+
			"trust_anchors: {builtin: false, file: %q}\n%s", peers[0].at, peers[0].at, hints,
		anchor, own)))
	start(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5341\n  root-hints: %q\n  trust-anchor: %q\n", hints,
		root.anchor)+"  ede: yes\n", "")))
	d.startBIND(t, root, 5342, bind)
	d.startKresd(t, root, 5343, "")
	d.startRecursor(t, root, 5344, "extended-resolution-errors=yes\n")
	for _, p := range peers {
		await(t, p.at, ".", dns.TypeSOA, func(m *dns.Msg) bool {
			return m.Rcode == dns.RcodeSuccess && m.AuthenticatedData
		})
	}
}

// data returns the data of the root's DS record.
func (r root) data() []string {
	ds := strings.Fields(r.anchor)
	return ds[len(ds)-4:]
}

// startBIND starts a validating BIND in front of a lab, whose hints are in the folder, at a port of
// 127.0.0.1, with further options. Unless these say otherwise it has no empty zones of its own.
func (d folder) startBIND(t *testing.T, root root, port int, options string) {
	t.Helper()
	ds := root.data()
	if !strings.Contains(options, "empty-zones-enable") {
		options += "empty-zones-enable no; "
	}
	start(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
			"%s};\ncontrols { };\n"+
			"trust-anchors { \".\" static-ds %s %s %s %q; };\n"+
			"zone \".\" { type hint; file \"hints\"; };\n", string(d), port, options, ds[0], ds[1],
		ds[2], ds[3])))
}

// startKresd starts a validating Knot Resolver likewise, with further modules.
func (d folder) startKresd(t *testing.T, root root, port int, modules string) {
	t.Helper()
	if err := os.MkdirAll(d.path("kresd"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, "kresd", "-n", "-c", d.write(t, "kresd.conf", fmt.Sprintf("log_level('crit')\n"+
		"net.ipv6 = false\nnet.listen('127.0.0.1', %d, { kind = 'dns' })\n"+
		"cache.open(50*MB, 'lmdb://%s')\nmodules = { 'hints > iterate'%s }\n"+
		"hints.root_file(%q)\nfor _, m in ipairs({'ta_update','ta_signal_query','priming',"+
		"'detect_time_skew','detect_time_jump'}) do pcall(modules.unload, m) end\n"+
		"trust_anchors.remove('.')\ntrust_anchors.add(%q)\n", port, d.path("kresd"), modules,
		d.path("hints"), root.anchor)), d.path("kresd"))
}

// startRecursor starts a validating PowerDNS Recursor likewise, with further settings.
func (d folder) startRecursor(t *testing.T, root root, port int, settings string) {
	t.Helper()
	anchor := d.write(t, "trust.lua", fmt.Sprintf("clearTA()\naddTA('.', %q)\n",
		strings.Join(root.data(), " ")))
	d.write(t, "recursor.conf", fmt.Sprintf("local-address=127.0.0.1\nlocal-port=%d\n"+
		"hint-file=%s\ndnssec=validate\ndont-query=\nsocket-dir=%s\ndaemon=no\nwrite-pid=no\n"+
		"security-poll-suffix=\nthreads=1\nlua-config-file=%s\n%s", port,
		d.path("hints"), string(d), anchor, settings))
	start(t, "pdns_recursor", "--config-dir="+string(d))
}
