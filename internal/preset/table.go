// The table of public resolvers.

package preset

import "bailiwick/transport"

// checked is when the sources of the table were read.
const checked = "2026-11-27"

// What several say.
const (
	noFilter  = "nothing"
	validates = "validates"
	notSaid   = "not said in the sources"
	noECS     = "sends none"
	adsPage   = "https://raw.githubusercontent.com/AdguardTeam/KnowledgeBaseDNS/master/docs/" +
		"general/dns-providers.md"
)

// What operators say of their logs.
const (
	quad9Logs      = "keeps no addresses of clients"
	cloudflareLogs = "keeps no addresses of clients in permanent storage, but of 0.05 % of all " +
		"packets at most; what it has of them is gone within 25 hours"
)

// The documents of operators.
var (
	quad9Sources = []string{adsPage,
		"https://quad9.net/news/blog/quad9-enables-dns-over-http-3-and-dns-over-quic",
		"https://raw.githubusercontent.com/Quad9DNS/dnscrypt-settings/main/dnscrypt/" +
			"quad9-resolvers.md"}
	cloudflareSources = []string{
		"https://developers.cloudflare.com/1.1.1.1/ip-addresses/",
		"https://developers.cloudflare.com/1.1.1.1/infrastructure/network-operators",
		"https://developers.cloudflare.com/1.1.1.1/privacy/public-dns-resolver/"}
	googleSources = []string{
		"https://developers.google.com/speed/public-dns/docs/secure-transports",
		"https://developers.google.com/speed/public-dns/docs/dns-over-tls", adsPage}
)

// all is the table, in the order of names. What is missing has reasons: dns0.eu ended in October
// 2025, Mullvad's public service in November 2026; of DNS4EU no document of its operator could be
// read; and Quad9's service without filters does not validate, so that it cannot be counted on to
// pass signatures on.
var all = []Preset{
	{Name: "adguard", Operator: "AdGuard",
		Addrs: addrs("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff"),
		Ways:  named("dns.adguard-dns.com", transport.DoQ), Filters: "ads, trackers and phishing",
		DNSSEC: notSaid, ECS: notSaid, Logging: notSaid, Sources: []string{adsPage},
		Checked: checked},
	{Name: "adguard-family", Operator: "AdGuard",
		Addrs:   addrs("94.140.14.15", "94.140.15.16", "2a10:50c0::bad1:ff", "2a10:50c0::bad2:ff"),
		Ways:    named("family.adguard-dns.com", transport.DoQ),
		Filters: "ads, trackers, phishing and sites for adults; searches are made safe",
		DNSSEC:  notSaid, ECS: notSaid, Logging: notSaid, Sources: []string{adsPage},
		Checked: checked},
	{Name: "adguard-unfiltered", Operator: "AdGuard",
		Addrs: addrs("94.140.14.140", "94.140.14.141", "2a10:50c0::1:ff", "2a10:50c0::2:ff"),
		Ways:  named("unfiltered.adguard-dns.com", transport.DoQ), Filters: noFilter,
		DNSSEC: notSaid, ECS: notSaid, Logging: notSaid, Sources: []string{adsPage},
		Checked: checked},
	{Name: "cloudflare", Operator: "Cloudflare",
		Addrs: addrs("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"),
		Ways: []Way{{transport.DoT, "one.one.one.one", ""},
			{transport.DoH, "cloudflare-dns.com", dnsQuery}},
		Filters: noFilter, DNSSEC: notSaid, ECS: notSaid, Logging: cloudflareLogs,
		Sources: cloudflareSources, Checked: checked},
	{Name: "cloudflare-family", Operator: "Cloudflare",
		Addrs: addrs("1.1.1.3", "1.0.0.3", "2606:4700:4700::1113", "2606:4700:4700::1003"),
		Ways:  named("family.cloudflare-dns.com"), Filters: "malware and sites for adults",
		DNSSEC: notSaid, ECS: notSaid, Logging: cloudflareLogs, Sources: cloudflareSources,
		Checked: checked},
	{Name: "cloudflare-security", Operator: "Cloudflare",
		Addrs: addrs("1.1.1.2", "1.0.0.2", "2606:4700:4700::1112", "2606:4700:4700::1002"),
		Ways:  named("security.cloudflare-dns.com"), Filters: "malware",
		DNSSEC: notSaid, ECS: notSaid, Logging: cloudflareLogs, Sources: cloudflareSources,
		Checked: checked},
	{Name: "google", Operator: "Google",
		Addrs: addrs("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"),
		Ways:  named("dns.google"), Filters: noFilter, DNSSEC: validates, ECS: notSaid,
		Logging: notSaid, Sources: googleSources, Checked: checked},
	{Name: "quad9", Operator: "Quad9",
		Addrs:   addrs("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"),
		Ways:    named("dns.quad9.net", transport.DoQ, transport.DoH3),
		Filters: "malware and phishing: such names do not exist", DNSSEC: validates, ECS: noECS,
		Logging: quad9Logs, Sources: quad9Sources, Checked: checked},
	{Name: "quad9-ecs", Operator: "Quad9",
		Addrs:   addrs("9.9.9.11", "149.112.112.11", "2620:fe::11", "2620:fe::fe:11"),
		Ways:    named("dns11.quad9.net", transport.DoQ, transport.DoH3),
		Filters: "malware and phishing: such names do not exist", DNSSEC: validates,
		ECS: "sends networks of clients", Logging: quad9Logs, Sources: quad9Sources,
		Checked: checked},
}
