package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/migrate"
)

// TestDnsmasqOptions converts options one by one: each has its value, or is listed.
func TestDnsmasqOptions(t *testing.T) {
	checkConversions(t, "dnsmasq", "no-resolv\nno-hosts\n", "\n", []conversion{
		{"server=192.0.2.1", `{name: ".", addresses: ["192.0.2.1:53"]}`, false},
		{"server=192.0.2.1#54\nserver=192.0.2.2", `["192.0.2.1:54", "192.0.2.2:53"]`, false},
		{"server=/a.example/b.example/192.0.2.1",
			`{name: "b.example", addresses: ["192.0.2.1:53"]}`, false},
		{"server=/a.example/192.0.2.1@eth0", "servers are asked from one address", true},
		{"server=/a.example/#", "an exception from servers of names above", true},
		{"server=//192.0.2.1", "names without a dot", true},
		{"server=/a.example/", `{name: "a.example", type: static} # source.conf:3`, false},
		{"local=/a.example/", `{name: "a.example", type: static}`, false},
		{"server=127.0.0.1#5353", "do_not_query_localhost: false", false},
		{"rev-server=192.168.0.0/16,192.0.2.1", `{name: "168.192.in-addr.arpa", `, false},
		{"rev-server=2001:db8::/32,192.0.2.1", `{name: "8.b.d.0.1.0.0.2.ip6.arpa", `, false},
		{"rev-server=192.168.0.0/20,192.0.2.1", "a network whose names are no zone", true},
		{"address=/a.example/", `{name: "a.example", type: nxdomain}`, false},
		{"address=/a.example/192.0.2.1", `"a.example. A 192.0.2.1"`, false},
		{"address=/a.example/#", `"a.example. AAAA ::"`, false},
		{"address=/#/192.0.2.1", "all names", true},
		{"host-record=a.example,b.example,192.0.2.1,2001:db8::1,60",
			`"b.example. 60 AAAA 2001:db8::1"`, false},
		{"cname=a.example,b.example", `"a.example. CNAME b.example."`, false},
		{"ptr-record=1.2.0.192.in-addr.arpa,a.example", "PTR a.example.", false},
		{"listen-address=192.0.2.1,::1", `"[::1]:53" # source.conf:3`, false},
		{"interface=lo", `"127.0.0.1:53" # source.conf:3`, false},
		{"interface=eth0", "an interface is named by its addresses", true},
		{"local-service", "have to be written out", true},
		{"port=0", "it served no DNS", true},
		{"cache-size=0", "nothing was kept", true},
		{"cache-size=150 # a comment", "a number of names", false},
		{"dnssec", "it is so here too: validator.validation", false},
		{"bogus-priv", "validation: false # by default", false},
		// Answers of a zone's own servers are not validated, unless it has an anchor.
		{"dnssec\nserver=/a.example/192.0.2.1", "insecure: true", false},
		{"use-stale-cache=60", "max_age: 60s", false},
		{"stop-dns-rebind\nrebind-localhost-ok\nrebind-domain-ok=/a.example/",
			"private_domains:\n    - \"a.example\"", false},
		{"no-round-robin", "rotate_answers: false", false},
		{"dhcp-option=3,192.0.2.1", "out of scope: DHCP", false},
		{"dhcp-range=192.0.2.1,192.0.2.9", "names of leases are not known here", true},
		{"conf-file=/absent/trust-anchors.conf", "the root's keys are built in", false},
		{"filter-AAAA", "nearest: policy.rpz", true},
		{"made-up", "this option is not known", true},
	})
}

// TestDnsmasqResolvConf: without no-resolv the machine's servers are asked, which are said, or read
// from the file that is given.
func TestDnsmasqResolvConf(t *testing.T) {
	checkConversions(t, "dnsmasq", "", "\n", []conversion{
		{"no-hosts", "its servers have to be written out", true},
		{"resolv-file=/absent", "no such file", true},
	})
	dir := t.TempDir()
	for name, text := range map[string]string{"a.conf": "no-hosts\nresolv-file=servers\n" +
		"conf-dir=more,*.conf\n", "servers": "# some\nnameserver 192.0.2.1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"x.conf": "max-cache-ttl=7\n", "y.bak": "made-up\n"} {
		if err := os.WriteFile(filepath.Join(dir, "more", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := migrate.Convert(filepath.Join(dir, "a.conf"), "", check)
	if err != nil || r.Lost || !strings.Contains(r.Text, `addresses: ["192.0.2.1:53"]`) ||
		!strings.Contains(r.Text, "max_ttl: 7s # x.conf:1") {
		t.Error(err, r.Text)
	}
}

func FuzzDnsmasq(f *testing.F) {
	f.Add("cname=\nhost-record=1\nmx-host=\nrev-server=::/1\naddress=/\nserver=/a/b/#@\n")
	fuzzConvert(f, "dnsmasq", "home.dnsmasq.conf", "laptop.dnsmasq.conf")
}
