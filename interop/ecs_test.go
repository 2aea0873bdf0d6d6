package interop

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// tailoredFor is the truth of cdn.example: the address for a network, and the scope, which the
// name has after its first letter. Networks that agree in the bits of the scope have one address; a
// network shorter than the scope has its own.
func tailoredFor(name string, n netip.Prefix) (netip.Addr, int) {
	scope, err := strconv.Atoi(strings.TrimPrefix(dns.SplitDomainName(name)[0], "s"))
	if err != nil || !n.IsValid() || n.Bits() == 0 {
		return netip.MustParseAddr("192.0.2.254"), 0
	}
	h := fnv.New32a()
	fmt.Fprint(h, name, netip.PrefixFrom(n.Addr(), min(scope, n.Bits())).Masked())
	v := h.Sum32()
	return netip.AddrFrom4([4]byte{203, byte(v >> 16), byte(v >> 8), byte(v)}), scope
}

// TestNetworksBesideOthers puts 2,000 random questions for random networks to a zone that answers
// by them (RFC 7871), by way of Bailiwick, Unbound and PowerDNS, which are told to believe the
// client. Each answer of Bailiwick is the one that the zone has for the network, and its scope is
// that of the name; how often the others agree is in the log. BIND and Knot Resolver send no
// networks.
func TestNetworksBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "pdns_recursor"})
		return
	}
	random := rand.New(rand.NewPCG(uint64(fromEnvironment(t, "INTEROP_SEED", 1)), 7871))
	loopback(t)
	run(t, "ip", "route", "add", "local", "10.53.0.0/16", "dev", "lo")
	w := lab.NewIn(time.Now(), [2]byte{10, 53})
	w.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
	scopes := []int{8, 12, 16, 20, 23, 24, 28, 32}
	var records []string
	for _, s := range scopes {
		records = append(records, fmt.Sprintf("s%d A 192.0.2.1", s))
	}
	w.Add(lab.Zone{Name: "cdn.example.", Tailor: tailoredFor, Records: strings.Join(records, ";;")})
	folder(t.TempDir()).tailor(t, listen(t, w))
	right := map[string]int{}
	for range fromEnvironment(t, "INTEROP_QUESTIONS", 2000) {
		scope := scopes[random.IntN(len(scopes))]
		a := netip.AddrFrom4([4]byte{11, byte(random.IntN(3)), byte(random.IntN(4)) << 5,
			byte(random.IntN(2)) << 7})
		client := netip.PrefixFrom(a, 8+random.IntN(25)).Masked()
		sent := netip.PrefixFrom(client.Addr(), min(client.Bits(), 24)).Masked()
		name := fmt.Sprintf("s%d.cdn.example.", scope)
		want, _ := tailoredFor(name, sent)
		m := new(dns.Msg).SetQuestion(name, dns.TypeA)
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1,
			SourceNetmask: uint8(client.Bits()), Address: client.Addr().AsSlice()}}
		for _, p := range []struct{ name, at string }{{"Bailiwick", bailiwickAddr},
			{"Unbound", unboundAddr}, {"PowerDNS", "127.0.0.1:5307"}} {
			got, option := tailoredBy(p.at, m)
			if got == want.String() {
				right[p.name]++
			} else if p.name == "Bailiwick" {
				t.Errorf("%s for %v: %s, want %v", name, client, got, want)
			}
			echoed := fmt.Sprintf("%v/%d", client, min(scope, sent.Bits()))
			if p.name == "Bailiwick" && option != echoed {
				t.Errorf("%s for %v: option %s, want %s", name, client, option, echoed)
			}
		}
	}
	t.Logf("right: %v", right)
}

// tailoredBy returns the address that a resolver answers, or what it does instead, and its option.
func tailoredBy(at string, m *dns.Msg) (address, option string) {
	r, err := askWith(at, m)
	if err != nil {
		return err.Error(), ""
	}
	address = dns.RcodeToString[r.Rcode]
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			address = a.A.String()
		}
	}
	if o := r.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_SUBNET); ok {
				option = e.String()
			}
		}
	}
	return address, option
}

// tailor starts the resolvers.
func (d folder) tailor(t *testing.T, root root) {
	t.Helper()
	hints, ds := d.write(t, "hints", root.hints()), strings.Fields(root.anchor)
	anchor := d.write(t, "anchor", root.anchor+"\n")
	conf := unboundConf(fmt.Sprintf("  interface: 127.0.0.1@5301\n  root-hints: %q\n  "+
		"trust-anchor: %q\n  client-subnet-zone: cdn.example\n  max-client-subnet-ipv4: 24\n  "+
		"client-subnet-always-forward: yes\n", hints, root.anchor), "")
	start(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", strings.Replace(conf,
		"validator iterator", "subnetcache validator iterator", 1)))
	d.write(t, "trust.lua", fmt.Sprintf("clearTA()\naddTA('.', %q)\n",
		strings.Join(ds[len(ds)-4:], " ")))
	d.write(t, "recursor.conf", fmt.Sprintf("local-address=127.0.0.1\nlocal-port=5307\n"+
		"hint-file=%s\ndnssec=validate\ndont-query=\nsocket-dir=%s\ndaemon=no\nwrite-pid=no\n"+
		"security-poll-suffix=\nthreads=1\nlua-config-file=%s\nuse-incoming-edns-subnet=yes\n"+
		"edns-subnet-allow-list=cdn.example\necs-ipv4-bits=24\necs-ipv4-cache-bits=32\n",
		hints, string(d), d.path("trust.lua")))
	start(t, "pdns_recursor", "--config-dir="+string(d))
	start(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [\"127.0.0.1:5303\"], tcp: [\"127.0.0.1:5303\"]}\nadmin: {listen: \"\"}\n"+
			"control: {socket: \"\"}\nlog: {level: error}\nresolver: {ipv6: \"false\", "+
			"root_hints_file: %q, ecs: {zones: [cdn.example], forwarders: [127.0.0.0/8]}}\n"+
			"trust_anchors: {builtin: false, file: %q}\n", hints, anchor)))
	for _, at := range []string{unboundAddr, "127.0.0.1:5307", bailiwickAddr} {
		await(t, at, "www.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
}
