package coredns

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/reload"
	"github.com/miekg/dns"
)

// TestClusterForwards starts a CoreDNS with the Corefile of deploy/kubernetes/coredns-forward.yaml,
// without what needs a cluster and without fixed ports. What it forwards to is a CoreDNS with the
// plugin, for want of a server in this module. AD and the reason of a failure pass through.
func TestClusterForwards(t *testing.T) {
	text, err := os.ReadFile("../../deploy/kubernetes/coredns-forward.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, file, found := strings.Cut(string(text), "    .:53 {\n")
	if !found {
		t.Fatal("there is no server block")
	}
	file = file[:strings.LastIndexByte(file, '}')]
	file = regexp.MustCompile(`(?s) (health|kubernetes) [^}]*}`).ReplaceAllString(file, "")
	file = regexp.MustCompile(`(?m)^ *(ready|prometheus :9153)$`).ReplaceAllString(file, "")
	_, lines := serveLab(t)
	upstream := startCoreDNS(t, "bailiwick {\n"+lines+"\n}")
	at := startCoreDNS(t, strings.ReplaceAll(file, "10.96.0.53", upstream))
	for _, c := range []struct{ name, want string }{
		{"www.secure.example.", "A AD NOERROR RRSIG"},
		{"www.expired.faulty.", "7 EDE SERVFAIL"},
	} {
		got := strings.Fields(shown(ask(t, at, c.name, dns.TypeA, do)))
		slices.Sort(got) // loadbalance changes the order of the records
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
