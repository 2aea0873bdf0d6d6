package localdata

import (
	"strings"
	"testing"

	"bailiwick/wire"
)

// What went wrong elsewhere with local names and block lists, by public reports.
func TestReports(t *testing.T) {
	for _, c := range []struct {
		situation, reference string
		zones, records       []string
		hosts, list, allow   string
		name                 string
		t                    wire.Type
		want                 string
	}{
		{situation: "an override has an A record only; its AAAA came from the Internet, and " +
			"clients prefer it", reference: "pi-hole/FTL #2561, #925, #2841",
			records: []string{"home.example A 192.0.2.242"}, name: "home.example.",
			t: wire.TypeAAAA, want: "nodata"},
		{situation: "the same for HTTPS, by which browsers choose an address",
			reference: "coredns/coredns #8282", hosts: "192.0.2.5 home.example\n",
			name: "home.example.", t: wire.TypeHTTPS, want: "nodata"},
		{situation: "a wildcard has an A record only; NXDOMAIN for its AAAA makes musl give up",
			reference: "pi-hole/FTL #3039", zones: []string{"lan static"},
			records: []string{"*.lan A 10.0.0.3"}, name: "forgejo.lan.", t: wire.TypeAAAA,
			want: "nodata SOA lan."},
		{situation: "an alias without its target, which clients do not look up",
			reference: "NLnetLabs/unbound #976, openwrt/packages #24601",
			zones:     []string{"corp static"}, records: []string{"muh.corp CNAME foo.bar."},
			name: "muh.corp.", t: wire.TypeA, want: "data muh.corp. CNAME 1 to foo.bar."},
		{situation: "a name of the hosts file asked for in other letters",
			reference: "coredns/coredns #1539", hosts: "192.0.2.5 MyService.Corp\n",
			name: "myservice.corp.", t: wire.TypeA, want: "data myservice.corp. A 1"},
		{situation: "a list has the domain, and its subdomains were not blocked",
			reference: "0xERR0R/blocky #232, AdAway/AdAway #2053", list: "tracker.example\n",
			name: "x.y.tracker.example.", t: wire.TypeA,
			want: "nxdomain SOA tracker.example. blocked"},
		{situation: "an entry *.name is for the name too, as the lists' authors mean it",
			reference: "hagezi/dns-blocklists #205", list: "*.optimizely.example\n",
			name: "optimizely.example.", t: wire.TypeA,
			want: "nxdomain SOA optimizely.example. blocked"},
		{situation: "an exception for a domain, and subdomains in the list stayed blocked",
			reference: "hectorm/hblock #159", list: "nextdns.example\n", allow: "nextdns.example\n",
			name: "dns.nextdns.example.", t: wire.TypeA, want: "-"},
		{situation: "an exception for a domain must not keep a subdomain from being blocked",
			reference: "TechnitiumSoftware/DnsServer #898", list: "ads.shop.example\n",
			allow: "shop.example\n", name: "ads.shop.example.", t: wire.TypeA,
			want: "nxdomain SOA ads.shop.example. blocked"},
		{situation: "a blocked name has no records of any type, TXT and HTTPS too",
			reference: "hagezi/dns-blocklists #205", list: "0.0.0.0 cdn.example\n",
			name: "cdn.example.", t: wire.TypeHTTPS, want: "nxdomain SOA cdn.example. blocked"},
		{situation: "a rule about parts of a page blocked the whole site",
			reference: "TechnitiumSoftware/DnsServer #2125", list: "shop.example##.ad\n" +
				"shop.example#@#.ad\nshop.example#?#.ad:has-text(This site)\n" +
				"shop.example#$#.ad { }\n", name: "shop.example.", t: wire.TypeA, want: "-"},
		{situation: "a word of such a rule was taken for a name, and a top-level domain blocked",
			reference: "TechnitiumSoftware/DnsServer #2125",
			list:      "shop.example##[aria-label=\"Scroll to the top\"]\n", name: "easylist.to.",
			t: wire.TypeA, want: "-"},
		{situation: "a comment behind a name, with and without a space",
			reference: "pi-hole/pi-hole", list: "a.example # x\nads.example#x\n",
			name: "ads.example.", t: wire.TypeA, want: "nxdomain SOA ads.example. blocked"},
		{situation: "a rule about some requests to a name blocked the name",
			reference: "diladele/dnssafety #403", list: "||apps.example^$popup,domain=x.example\n",
			name: "apps.example.", t: wire.TypeA, want: "-"},
		{situation: "a rule without an end is about names that begin so",
			reference: "paulgb/BarbBlock #19", list: "||shop.example\n", name: "shop.example.",
			t: wire.TypeA, want: "-"},
		{situation: "a rule about one page blocked all of them",
			reference: "RPiList/specials #96", list: "search.example/notebook/public/051\n",
			name: "search.example.", t: wire.TypeA, want: "-"},
		{situation: "an exception of an ad blocker was taken for a name to block",
			reference: "TechnitiumSoftware/DnsServer #295", list: "@@||shop.example^\n",
			name: "shop.example.", t: wire.TypeA, want: "-"},
		{situation: "the name that browsers ask for stayed open", reference: "pi-hole/pi-hole " +
			"#4436, lightswitch05/hosts #145", list: "||bücher.example^\nɢoogle.example\n",
			name: "www.xn--bcher-kva.example.", t: wire.TypeA,
			want: "nxdomain SOA xn--bcher-kva.example. blocked"},
		{situation: "a host's name with an umlaut", reference: "pi-hole/pi-hole #4436",
			hosts: "192.0.2.5 küche.example\n", name: "xn--kche-0ra.example.", t: wire.TypeA,
			want: "data xn--kche-0ra.example. A 1"},
		{situation: "a record's name and its target", reference: "pi-hole/pi-hole #4436",
			records: []string{"küche.example CNAME bücher.example."},
			name:    "xn--kche-0ra.example.", t: wire.TypeA,
			want: "data xn--kche-0ra.example. CNAME 1 to xn--bcher-kva.example."},
		{situation: "a list with localhost blocked this machine", reference: "StevenBlack/hosts",
			list: "127.0.0.1 localhost\n::1 localhost\n", name: "localhost.", t: wire.TypeA,
			want: "-"},
	} {
		b := NewBuilder(nil)
		if len(c.zones) > 0 {
			f := strings.Fields(c.zones[0])
			b = NewBuilder([]Zone{{wire.MustParseName(f[0]), Static}})
		}
		for _, r := range c.records {
			if err := b.AddText(r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.AddHosts(strings.NewReader(c.hosts)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.AddList("allow", ListAllow, strings.NewReader(c.allow)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.AddList("list", ListNXDomain, strings.NewReader(c.list)); err != nil {
			t.Fatal(err)
		}
		d, err := b.Data()
		if err != nil {
			t.Fatal(err)
		}
		if got := said(d, c.name, c.t); got != c.want {
			t.Errorf("%s (%s): %s, want %s", c.situation, c.reference, got, c.want)
		}
	}
}
