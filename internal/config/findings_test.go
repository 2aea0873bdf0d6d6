package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

// findings are what there is to say of a file, errors and warnings, without the file's name.
func findings(text string) (out []string) {
	c, found := Inspect("/etc/b.yaml", []byte(text))
	for _, f := range append(found, c.Warnings()...) {
		out = append(out, strings.TrimPrefix(f.Error(), "/etc/b.yaml"))
	}
	return out
}

// Everything that can be said of a file, word for word, at its line and column.
func TestFindingsOfFiles(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"only a comment", "# nothing yet\n", nil},
		{"no YAML", "cache: [1\n", []string{":1:8: this is no YAML: sequence end token ']' not found"}},
		{"a list", "- a\n", []string{":1:1: a configuration wants keys below it"}},
		{"a section that is none", "cache: 5\n", []string{":1:8: cache wants keys below it"}},
		{"two documents", "cache: {memory: 64MiB}\n---\ncache: {memory: 32MiB}\n", []string{":3:6: a second document begins here; a configuration is one: take the line --- out"}},
		{"a document and its mark", "---\ncache: {memory: 64MiB}\n", nil},
		{"an empty second document", "cache: {memory: 64MiB}\n---\n", nil},

		{"an address and a port without brackets", "listen: {udp: [\"::1:53\"]}\n", []string{`:1:16: listen.udp: "::1:53" may be an address or an address and a port: write [::1]:53 or [::1:53]`}},
		{"a longer one", "listen: {udp: [\"2001:db8::1:5353\"]}\n", []string{`:1:16: listen.udp: "2001:db8::1:5353" may be an address or an address and a port: write [2001:db8::1]:5353 or [2001:db8::1:5353]`}},
		{"nine groups", "listen: {udp: [\"2001:db8:1:2:3:4:5:6:53\"]}\n", []string{`:1:16: listen.udp: "2001:db8:1:2:3:4:5:6:53" may be an address or an address and a port: write [2001:db8:1:2:3:4:5:6]:53 or [2001:db8:1:2:3:4:5:6:53]`}},
		{"addresses that end in a number", "resolver: {forward_zones: [{name: a, addresses: [\"2001:4860:4860::8888\", \"2606:4700:4700::1111\", \"2620:fe::9\"]}]}\n", nil},
		{"for the admin listener", "admin: {listen: \"::1:5380\"}\n", []string{`:1:17: admin.listen: "::1:5380" may be an address or an address and a port: write [::1]:5380 or [::1:5380]`}},
		{"for a forwarder", "resolver: {forward_zones: [{name: a, addresses: [\"::2:53\"]}]}\n", []string{`:1:50: resolver.forward_zones: "::2:53" may be an address or an address and a port: write [::2]:53 or [::2:53]`}},
		{"Unbound's way", "resolver: {stub_zones: [{name: a, addresses: [\"2001:db8::2@5353\", 192.0.2.1@5353]}]}\n", nil},
		{"a name for an address", "listen: {udp: [\"localhost:53\"]}\n", []string{`:1:16: listen.udp: "localhost:53" is no address such as 192.0.2.1:53 or [2001:db8::1]:53`}},
		{"all addresses", "listen: {udp: [\"*:53\"]}\n", []string{`:1:16: listen.udp: "*:53" is no address; all of this machine are 0.0.0.0 and [::]`}},
		{"only a port", "listen: {udp: [\":53\"]}\n", []string{`:1:16: listen.udp: ":53" is no address; all of this machine are 0.0.0.0 and [::]`}},
		{"no port", "listen: {udp: [\"127.0.0.1:domain\"]}\n", []string{`:1:16: listen.udp: "127.0.0.1:domain": "domain" is no port from 0 to 65535`}},
		{"a port too far", "listen: {udp: [\"127.0.0.1:65536\"]}\n", []string{`:1:16: listen.udp: "127.0.0.1:65536": "65536" is no port from 0 to 65535`}},
		{"port 0 of a server", "resolver: {stub_zones: [{name: a, addresses: [\"192.0.2.1:0\"]}]}\n", []string{`:1:47: resolver.stub_zones: "192.0.2.1:0": no server can be asked at port 0`}},
		{"port 0 of a listener", "listen: {udp: [\"127.0.0.1:0\"]}\n", []string{":1:16: warning: listen.udp[0]: port 0 is another port at each start"}},
		{"a scalar for a list", "listen: {udp: 127.0.0.1}\n", []string{`:1:15: listen.udp: wants a list: ["127.0.0.1"]`}},

		{"listeners that overlap", "listen:\n  tcp: [\"0.0.0.0:53\"]\n  dot: [\"127.0.0.1:53\"]\n", []string{":3:9: 127.0.0.1:53 (listen.dot[0]) and 0.0.0.0:53 (listen.tcp[0]) cannot both be open: they overlap"}},
		{"of one transport", "listen:\n  tcp: [\"127.0.0.1:53\", \"0.0.0.0:53\"]\n", []string{":2:25: 0.0.0.0:53 (listen.tcp[1]) and 127.0.0.1:53 (listen.tcp[0]) cannot both be open: they overlap"}},
		{"DoQ and DoH3", "listen:\n  doq: [\"127.0.0.1:853\"]\n  doh3: [\"127.0.0.1:853\"]\n", []string{":2:9: 127.0.0.1:853 (listen.doq[0]) and 127.0.0.1:853 (listen.doh3[0]) cannot both be open: they overlap"}},
		{"with the admin listener", "listen: {tcp: [\"127.0.0.1:5380\"]}\n", []string{": 127.0.0.1:5380 (admin.listen) and 127.0.0.1:5380 (listen.tcp[0]) cannot both be open: they overlap"}},
		{"listeners side by side", "listen:\n  udp: [\"0.0.0.0:53\", \"127.0.0.1:53\", \"[::]:53\"]\n  tcp: [\"0.0.0.0:53\", \"[::]:53\"]\n  doq: [\"127.0.0.1:853\"]\n  dot: [\"127.0.0.1:853\"]\n", nil},
		{"nobody is listened to", "listen: {udp: [], tcp: []}\n", []string{":1:1: listen has no address: nobody could ask"}},
		{"nobody may ask", "policy: {access: []}\n", []string{":1:18: policy.access is empty: nobody may ask; without it this machine and private networks may"}},
		{"nobody may ask here", "listen: {tcp: [{address: 127.0.0.1, access: []}]}\n", []string{":1:45: listen.tcp: access is empty: nobody may ask here; without it policy.access holds"}},
		{"those who may are said at each listener", "listen: {udp: [{address: 127.0.0.1, access: [\"::/0 allow\"]}], tcp: []}\npolicy: {access: []}\n", nil},

		{"zones twice", "resolver:\n  stub_zones:\n    - {name: corp.example, addresses: [10.0.0.1]}\n  forward_zones:\n    - {name: CORP.example., addresses: [10.0.0.2]}\n",
			[]string{":5:14: resolver.forward_zones: zone corp.example. is given twice, here and as resolver.stub_zones[0] in line 3"}},
		{"a zone without a name", "resolver: {stub_zones: [{addresses: [10.0.0.1]}]}\n", []string{`:1:25: resolver.stub_zones: a zone lacks its name; the root is "."`}},
		{"all that is wrong with zones", "resolver:\n  stub_zones:\n    - {name: a..b, addresses: [10.0.0.1], first: perhaps}\n    - {nmae: b, addresses: [here]}\n    - {name: c, addresses: [there, 10.0.0.1, elsewhere]}\n", []string{
			`:3:14: resolver.stub_zones: name "a..b": empty label at offset 2`,
			`:3:50: resolver.stub_zones: first: "perhaps" is not true or false`,
			":4:14: resolver.stub_zones: unknown field nmae; the fields are name, addresses, hosts, first, tcp, no_cache, transport, tls_name, tls_pins, tls_ca, path, fallback, insecure; did you mean name?",
			`:5:29: resolver.stub_zones: "there" is no address such as 192.0.2.1:53 or [2001:db8::1]:53`,
			`:5:46: resolver.stub_zones: "elsewhere" is no address such as 192.0.2.1:53 or [2001:db8::1]:53`,
		}},
		{"a key twice in a map", "resolver: {stub_zones: [{name: a, name: b, addresses: [10.0.0.1]}]}\n", []string{`:1:35: this is no YAML: mapping key "name" already defined at [1:26]`}},
		{"a forwarder that is this server", "listen: {udp: [\"0.0.0.0:53\"], tcp: []}\nresolver:\n  do_not_query_localhost: false\n  forward_zones: [{name: ., addresses: [127.0.0.1]}]\n", []string{":4:41: zone .: 127.0.0.1:53 is this server itself (listen.udp[0]): it would ask itself without end"}},
		{"transport: tls", "resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: tls}]}\n", []string{`:1:28: resolver.forward_zones: zone a.: transport "tls" is not one of udp, tcp, dot, doh, doh3, doq; did you mean dot?`}},

		{"an NTA without a name", "trust_anchors: {insecure: [\"\"]}\n", []string{`:1:28: trust_anchors.insecure: an entry has no name; the root is "."`}},
		{"an NTA that is no name", "trust_anchors: {insecure: [a..b]}\n", []string{`:1:28: trust_anchors.insecure: "a..b" is no name: empty label at offset 2`}},
		{"an NTA for all", "trust_anchors: {insecure: [\".\"]}\n", []string{`:1:28: warning: validation is off for all names: "." is the root`}},
		{"an NTA for a top level domain", "trust_anchors: {insecure: [corp.example, com]}\n", []string{":1:42: warning: validation is off for the whole of com.: that is a top level domain"}},
		{"nsid: node1", "server: {nsid: node1}\n", []string{`:1:16: server.nsid: "node1" is not hexadecimal; for text write ascii_node1`}},
		{"1GB", "cache: {memory: 1GB}\n", []string{`:1:17: cache.memory: "1GB" is not a size such as 256MiB, of at least 1MiB; did you mean 1GiB?`}},
		{"512m", "cache: {memory: 512m}\n", []string{`:1:17: cache.memory: "512m" is not a size such as 256MiB, of at least 1MiB; did you mean 512MiB?`}},
		{"too little", "cache: {memory: 64KiB}\n", []string{`:1:17: cache.memory: "64KiB" is not a size such as 256MiB, of at least 1MiB`}},
		{"a duration too long", "cache: {max_ttl: 1000000}\n", []string{`:1:18: cache.max_ttl: "1000000" is not a duration such as 30s, 1h or 1d, or a number of seconds, from 0 to 604800`}},
		{"no duration", "cache: {max_ttl: long}\n", []string{`:1:18: cache.max_ttl: "long" is not a duration such as 30s, 1h or 1d, or a number of seconds, from 0 to 604800`}},
		{"a level that there is not", "log: {level: warning}\n", []string{`:1:14: log.level: "warning" is not one of debug, info, warn, error; did you mean warn?`}},
		{"contradicting times", "cache:\n  max_ttl: 1h\n  min_ttl: 2h\n", []string{":3:12: cache.min_ttl 2h0m0s is above cache.max_ttl 1h0m0s"}},
		{"no family", "resolver:\n  ipv4: no\n  ipv6: no\n", []string{":2:9: resolver.ipv4 and resolver.ipv6 are both off: no server could be asked"}},
		{"two kinds of hints", "resolver:\n  root_hints: [{name: a, address: 192.0.2.1}]\n  root_hints_file: hints\n", []string{":3:20: resolver.root_hints and resolver.root_hints_file are both set: one of them"}},
		{"an action that there is not", "policy: {access: [10.0.0.0/8 permit]}\n", []string{`:1:19: policy.access: action "permit" is not one of allow, snoop, refuse, drop`}},
		{"a network without an action", "policy: {access: [10.0.0.0/8, {net: 10.0.0.0/8}]}\n", []string{
			`:1:19: policy.access: access "10.0.0.0/8" is not a network and an action, such as "10.0.0.0/8 allow"`,
			`:1:31: policy.access: access "10.0.0.0/8" is not a network and an action, such as "10.0.0.0/8 allow"`}},

		{"an open resolver", "listen: {udp: [\"0.0.0.0:53\"]}\npolicy: {access: [\"0.0.0.0/0 allow\", \"10.0.0.0/8 drop\"]}\n", []string{":2:18: warning: 0.0.0.0/0 may ask: whoever reaches this server may, and use it against others (RFC 5358); allow the networks of your clients"}},
		{"an open listener", "listen: {udp: [{address: 192.0.2.1, access: [\"::/0 allow\"]}]}\n", []string{":1:45: warning: ::/0 may ask: whoever reaches this server may, and use it against others (RFC 5358); allow the networks of your clients"}},
		{"this machine is locked out", "policy:\n  access:\n    - {net: 10.0.0.0/8, action: allow}\n", []string{":3:5: warning: 127.0.0.1 may not ask: this machine itself is refused"}},
		{"a forgeable proxy", "listen: {udp: [{address: 127.0.0.1, proxy_from: [192.0.2.0/24]}]}\n", []string{":1:49: warning: over UDP a source address can be forged: whoever sends with an address of 192.0.2.0/24 is believed to be any client; let these packets in from the proxy's link only"}},
		{"everybody is a proxy", "listen: {tcp: [{address: 127.0.0.1, proxy_from: [\"::/0\"]}]}\n", []string{":1:50: warning: ::/0: everybody is believed to be a proxy, and so to be any client"}},
		{"plain HTTP for others", "listen: {doh_plain: [\"192.0.2.1:80\"]}\n", []string{":1:22: warning: 192.0.2.1:80: HTTP without TLS beyond this machine; the reverse proxy's network can read and change it"}},
		{"certificates for nobody", "tls: {certificates: [a.pem]}\n", []string{":1:21: warning: tls.certificates is for listen.dot, listen.doh, listen.doh3 and listen.doq, and none of them has an address"}},
		{"fallback to plain DNS", "resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tls_name: b, fallback: yes}]}\n", []string{":1:101: warning: zone a.: whoever blocks dot on the way can read and change the questions: fallback asks in plain DNS then"}},
		{"a forwarder that is never asked", "resolver: {forward_zones: [{name: a, addresses: [127.0.0.1]}]}\n", []string{
			":1:28: warning: zone a.: none of its servers may be asked: its names will not resolve",
			":1:50: warning: zone a.: 127.0.0.1:53 is never asked: resolver.do_not_query_localhost is true"}},
		{"a private zone below the signed root", "resolver: {forward_zones: [{name: ad.corp, addresses: [10.0.0.1]}, {name: lan, addresses: [10.0.0.1], insecure: yes}]}\n", []string{
			":1:28: warning: zone ad.corp.: the signed root says that corp. does not exist, so what its servers say is bogus; set insecure: true on the zone"}},
		{"a private zone that is excepted", "resolver: {stub_zones: [{name: ad.corp, addresses: [10.0.0.1]}]}\ntrust_anchors: {insecure: [ad.corp]}\n", nil},
		{"times that are not judged", "validator: {ignore_signature_times: on, time: 2026-01-31T00:00:00Z, skew: 1d}\n", []string{
			":1:37: warning: signatures are believed for ever: validator.ignore_signature_times is for tests",
			":1:47: warning: signatures are judged at 2026-01-31T00:00:00Z: validator.time is for tests",
			":1:75: warning: signatures are believed 24h0m0s after their end"}},
		{"metrics for all", "admin: {listen: 0.0.0.0}\n", []string{":1:17: warning: 0.0.0.0:5380 serves metrics to all who reach it: it has no access list"}},
		{"a client that may take all connections", "connections: {max: 10, per_client: 20}\n", []string{":1:36: warning: connections.per_client 20 is above connections.max 10: one client can take all"}},
	} {
		if got := findings(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

// What can mean one thing only is accepted, and shown in one way.
func TestUnambiguousSpellings(t *testing.T) {
	c, err := Parse("b.yaml", []byte("cache: {max_ttl: 3600, max_negative_ttl: 1d, prefetch: yes}\nlog: {level: INFO}\n"+
		"resolver: {ipv6: off, priming: Off, qname_minimisation: Strict, forward_zones: [{name: a, addresses: [192.0.2.1], transport: TCP, first: yes}]}\n"+
		"policy: {access: [10.0.0.0/8 allow, {net: 10.1.0.0/16, action: drop}, \"::ffff:10.2.0.0/112 Refuse\"]}\n"+
		"listen: {tcp: [{address: 127.0.0.1, access: [{net: 10.0.0.0/8, action: snoop}, 10.1.0.0/16 drop]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxTTL != time.Hour || c.MaxNegativeTTL != 24*time.Hour || !c.Prefetch || c.LogLevel != "info" || c.IPv6 != "false" || c.Prime || c.Minimisation != "strict" || c.Zones[0].Via != transport.TCP || !c.Zones[0].First {
		t.Errorf("got %+v", c)
	}
	if a := c.Access; len(a) != 3 || a[1].Action != policy.Drop || a[2].Net.String() != "10.2.0.0/16" || a[2].Action != policy.Refuse {
		t.Errorf("access: %+v", c.Access)
	}
	if a := c.Listen[transport.TCP][0].Access; len(a) != 2 || a[0].Action != policy.Snoop || a[1].Action != policy.Drop {
		t.Errorf("access of a listener: %+v", a)
	}
	for key, want := range map[string]string{"cache.max_ttl": "1h0m0s", "cache.max_negative_ttl": "24h0m0s", "cache.prefetch": "true", "log.level": "info", "resolver.ipv6": "false", "resolver.qname_minimisation": "strict",
		"policy.access": `["10.0.0.0/8 allow", "10.1.0.0/16 drop", "::ffff:10.2.0.0/112 Refuse"]`,
		"listen.tcp":    `[{address: "127.0.0.1", access: ["10.0.0.0/8 snoop", "10.1.0.0/16 drop"]}]`} {
		if c.text[key] != want {
			t.Errorf("%s is shown as %s, want %s", key, c.text[key], want)
		}
	}
}

// Paths are relative to the folder of the file, not to where the server is started.
func TestPathsAreRelativeToTheFile(t *testing.T) {
	c, err := Parse("/etc/bailiwick/b.yaml", []byte("tls: {certificates: [{certificate: chain.pem, key: ../keys/key.pem}, /abs/both.pem], ticket_secret: tickets}\n"+
		"control: {socket: ctl}\ntrust_anchors: {file: root.key}\n"+
		"resolver: {root_hints_file: hints, forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tls_name: b, tls_ca: ca.pem}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Certificates[0].Certificate: "/etc/bailiwick/chain.pem", c.Certificates[0].Key: "/etc/keys/key.pem", c.Certificates[1].Key: "/abs/both.pem",
		c.TicketSecret: "/etc/bailiwick/tickets", c.ControlSocket: "/etc/bailiwick/ctl", c.AnchorFile: "/etc/bailiwick/root.key",
		c.RootHintsFile: "/etc/bailiwick/hints", c.Zones[0].TLSRoots: "/etc/bailiwick/ca.pem",
		c.text["control.socket"]: `"/etc/bailiwick/ctl"`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	here, err := filepath.Abs("ctl")
	if err != nil {
		t.Fatal(err)
	}
	if c, _ = Parse("b.yaml", []byte("control: {socket: ctl}\n")); c.ControlSocket != here {
		t.Errorf("beside a file that is named without a folder: %s", c.ControlSocket)
	}
	if c, _ = Parse("b.yaml", []byte("control: {socket: auto}\ntls: {ticket_secret: ''}\n")); c.ControlSocket != "auto" || c.TicketSecret != "" {
		t.Errorf("no paths: %s %s", c.ControlSocket, c.TicketSecret)
	}
}
