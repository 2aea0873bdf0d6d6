// The table of all findings.

package check

import "fmt"

// Severity is how much a finding matters.
type Severity uint8

// The severities, in ascending order.
const (
	Notice  Severity = iota // worth knowing; nothing fails
	Warning                 // some clients fail, or all will soon
	Error                   // resolution or validation fails, or a MUST of the protocol is broken
)

func (s Severity) String() string { return [...]string{"notice", "warning", "error"}[s] }

// ParseSeverity reads a severity as it is printed.
func ParseSeverity(text string) (Severity, error) {
	for _, s := range []Severity{Notice, Warning, Error} {
		if s.String() == text {
			return s, nil
		}
	}
	return Notice, fmt.Errorf("%q: want error, warning or notice", text)
}

// Rule is a row of the table: what a finding of this kind means.
type Rule struct {
	ID        string // never changes once released
	Area      string // the part of the check: one of Areas
	Severity  Severity
	Title     string // what is wrong, in one line
	Remedy    string
	Reference string // the section that demands it
}

// Areas returns the parts of the check, in the order in which they are reported.
func Areas() []string {
	return []string{"servers", "delegation", "agreement", "keys", "signatures", "denial", "cds",
		"tlsa", "check"}
}

// Rules returns the table of all findings, by area.
func Rules() []Rule { return rules }

// ruleOf returns the row of an identifier; the table has all that the package uses.
func ruleOf(id string) Rule {
	for _, r := range rules {
		if r.ID == id {
			return r
		}
	}
	panic("check: no rule " + id)
}

var rules = []Rule{
	{"server-silent", "servers", Error, "a name server answers neither over UDP nor over TCP",
		"start the server, open port 53 in its firewall, or take it out of the NS set",
		"RFC 1034, section 4.1"},
	{"udp-unanswered", "servers", Error, "a name server answers over TCP and not over UDP",
		"open UDP port 53 of the server", "RFC 1035, section 4.2.1"},
	{"tcp-unanswered", "servers", Error, "a name server answers over UDP and not over TCP",
		"open TCP port 53 of the server: truncated answers cannot be had otherwise",
		"RFC 7766, section 5"},
	{"server-lame", "servers", Error, "a name server does not answer for the zone with authority",
		"load the zone on the server, or take the server out of the NS set",
		"RFC 1912, section 2.8"},
	{"question-unanswered", "servers", Error,
		"a name server is silent to some questions that it should answer",
		"look for a firewall or a load balancer that drops questions by type or size",
		"RFC 8906, section 3"},
	{"question-failed", "servers", Error, "a name server answers some questions with an error",
		"answer types that the zone lacks with NOERROR and the SOA; see the server's log",
		"RFC 8906, section 3"},
	{"reply-malformed", "servers", Error, "a name server sends messages that cannot be read",
		"upgrade the server; look for a device on the path that changes replies",
		"RFC 1035, section 4.1"},
	{"edns-refused", "servers", Error, "a name server does not support EDNS",
		"upgrade the server: without EDNS there is no DNSSEC, and resolvers try several times",
		"RFC 6891, section 7"},
	{"edns-unanswered", "servers", Error, "a name server is silent to questions with EDNS",
		"look for a firewall that drops EDNS; upgrade the server", "RFC 6891, section 7"},
	{"edns-version", "servers", Warning,
		"a name server does not answer EDNS version 1 with BADVERS",
		"upgrade the server, or the firewall in front of it", "RFC 6891, section 6.1.3"},
	{"edns-option", "servers", Warning, "a name server does not ignore an unknown EDNS option",
		"upgrade the server, or the firewall in front of it", "RFC 6891, section 6.1.2"},
	{"udp-size-exceeded", "servers", Error,
		"a name server sends larger UDP replies than the question allows",
		"upgrade the server; set its UDP size to 1232", "RFC 6891, section 6.2.3"},
	{"large-udp-lost", "servers", Warning,
		"large UDP replies do not arrive: fragments are dropped on the path",
		"set the server's UDP size to 1232 octets, so that it truncates instead",
		"RFC 9715, section 3.1"},
	{"cookie-refused", "servers", Warning, "a name server fails if the question has a DNS cookie",
		"upgrade the server, or the firewall in front of it", "RFC 7873, section 5.2"},
	{"cookie-wrong", "servers", Error, "a name server returns another client cookie than was sent",
		"upgrade the server: resolvers drop such replies as forged", "RFC 7873, section 5.3"},
	{"cookie-unstable", "servers", Warning,
		"a name server refuses the cookie that it gave a moment ago",
		"give all machines behind the address the same cookie secret", "RFC 9018, section 5"},
	{"recursion-offered", "servers", Warning, "a name server offers recursion",
		"turn recursion off: an authoritative server is not a resolver for strangers",
		"RFC 5358, section 4"},
	{"server-not-asked", "servers", Notice, "a name server was not asked: no route to it from here",
		"run the check where both address families are available, or switch this one off", ""},

	{"not-delegated", "delegation", Error, "the parent does not delegate the zone",
		"have the parent's operator, or the registrar, publish the NS set",
		"RFC 1034, section 4.2.1"},
	{"delegation-pending", "delegation", Notice,
		"the parent delegates to other servers than the ones that were given",
		"change the delegation when the check of the new servers is clean", ""},
	{"parent-silent", "delegation", Warning, "no server of the parent could be asked",
		"give the parent's servers with --parent-server, or leave them out with --no-parent", ""},
	{"parent-differs", "delegation", Warning, "the parent's servers differ in the delegation",
		"wait until all of them have the same; then tell the parent's operator",
		"RFC 1034, section 4.2.2"},
	{"parent-bogus", "delegation", Error, "the parent's answer about DS does not validate",
		"the fault is above the zone: tell the parent's operator", "RFC 4035, section 5.2"},
	{"ns-parent-only", "delegation", Warning, "the parent names servers that the zone does not",
		"make both NS sets the same", "RFC 1034, section 4.2.2"},
	{"ns-child-only", "delegation", Warning, "the zone names servers that the parent does not",
		"make both NS sets the same", "RFC 1034, section 4.2.2"},
	{"few-servers", "delegation", Warning, "the zone has fewer than two name servers",
		"add a server in another network", "RFC 1034, section 4.1"},
	{"ns-no-address", "delegation", Error, "the name of a name server has no address",
		"publish an A or AAAA record for the name, or take it out of the NS set",
		"RFC 2181, section 10.3"},
	{"ns-alias", "delegation", Error, "the name of a name server is an alias",
		"publish address records in place of the CNAME", "RFC 2181, section 10.3"},
	{"glue-missing", "delegation", Error,
		"the parent gives no address for a name server inside the zone",
		"register the server's addresses with the parent", "RFC 9471, section 2.1"},
	{"glue-differs", "delegation", Warning,
		"the parent's address of a name server is not the zone's",
		"register the address that the zone has with the parent", "RFC 1034, section 4.2.2"},
	{"glue-incomplete", "delegation", Notice,
		"the parent lacks an address that the zone has for a name server",
		"register the further address with the parent", "RFC 9471, section 2.1"},

	{"serial-differs", "agreement", Warning, "the name servers have different serials",
		"wait for the transfer; if it does not come, see NOTIFY, TSIG and the secondary's log",
		"RFC 1034, section 4.3.5"},
	{"data-differs", "agreement", Error,
		"name servers with the same serial have different data",
		"raise the serial with each change, and transfer the zone anew",
		"RFC 1034, section 4.3.5"},
	{"data-stale", "agreement", Warning,
		"name servers have different data, as they have different serials",
		"wait for the transfer, or transfer the zone by hand", "RFC 1034, section 4.3.5"},
	{"keys-differ", "agreement", Error, "the name servers have different DNSKEY sets",
		"serve one DNSKEY set everywhere; providers that sign each by itself have to import the " +
			"keys of the others", "RFC 8901, section 2.1"},
	{"apex-alias", "agreement", Error, "there is a CNAME at the apex of the zone",
		"replace it by address records, or by HTTPS records in alias mode",
		"RFC 1034, section 3.6.2"},
	{"negative-without-soa", "agreement", Warning, "a denial comes without the SOA of the zone",
		"upgrade the server: such an answer cannot be cached", "RFC 2308, section 3"},

	{"unsigned", "keys", Notice, "the zone is not signed", "sign the zone", "RFC 9364, section 2"},
	{"ds-absent", "keys", Notice, "the zone is signed, and the parent has no DS",
		"publish the DS at the parent; check it first with --ds", "RFC 4035, section 2.4"},
	{"parent-insecure", "keys", Notice,
		"the zone has a DS, and no chain of trust leads to the parent",
		"nothing can be done in the zone: its parent has to be signed", "RFC 4035, section 4.3"},
	{"keys-missing", "keys", Error, "there is a DS for the zone, and the zone has no DNSKEY",
		"sign the zone with the key of the DS, or have the DS removed first",
		"RFC 4035, section 5.2"},
	{"ds-mismatch", "keys", Error, "no DS is of a key in the zone: the zone is bogus",
		"publish the DS of a key that is in the zone", "RFC 4035, section 5.2"},
	{"ds-unmatched", "keys", Notice, "a DS is of no key in the zone, while another one is",
		"remove it unless it is of a key that is to come", "RFC 7583, section 3.3"},
	{"ds-pending", "keys", Notice, "the parent's DS set is not the proposed one",
		"publish the proposed set when the check is clean", ""},
	{"ds-published-mismatch", "keys", Error,
		"the DS that the parent has now is of no key on these servers: until it is replaced, and " +
			"its TTL is over, the zone is bogus there",
		"first publish the proposed DS beside the old one, or the new keys on the old servers",
		"RFC 6781, section 4.3.5"},
	{"ds-digest-outdated", "keys", Warning, "a DS has a digest that must not be used any more",
		"publish the DS with SHA-256 (2), and remove this one", "RFC 9904"},
	{"ds-digest-unknown", "keys", Warning,
		"a DS has a digest that few validators have: they ignore it, and if it is the only one " +
			"the zone is unsigned for them",
		"publish the DS with SHA-256 (2) too, or instead", "RFC 4035, section 5.2; RFC 9904"},
	{"algorithm-outdated", "keys", Error, "a key has an algorithm that must not be used any more",
		"roll to ECDSA P-256 (13) or Ed25519 (15)", "RFC 9904; RFC 9905, section 2"},
	{"algorithm-discouraged", "keys", Notice, "a key has an algorithm that is not recommended",
		"roll to ECDSA P-256 (13) or Ed25519 (15) when there is occasion", "RFC 9904"},
	{"algorithm-unknown", "keys", Warning,
		"a key has an algorithm that few validators have: for all others the zone is unsigned",
		"sign with ECDSA P-256 (13) too, or instead", "RFC 4035, section 5.2"},
	{"algorithm-unsigned", "keys", Warning,
		"an algorithm of the DNSKEY set has no signature over the zone's data",
		"sign with each algorithm that a key has; remove keys of others", "RFC 6840, section 5.11"},
	{"key-short", "keys", Warning, "an RSA key is shorter than 1024 bits",
		"roll to ECDSA P-256 (13), or to RSA with 2048 bits", "RFC 6781, section 3.4.2"},
	{"key-1024", "keys", Notice, "an RSA key is shorter than 2048 bits",
		"roll to ECDSA P-256 (13), or to RSA with 2048 bits", "RFC 6781, section 3.4.2"},
	{"key-unusable", "keys", Error, "a DNSKEY cannot be used",
		"replace the key", "RFC 4034, section 2.1"},
	{"key-tag-collision", "keys", Warning, "two keys have the same tag and algorithm",
		"replace one of them: validators limit how many such keys they try",
		"RFC 4034, section 5.3.1"},

	{"signature-expired", "signatures", Error, "a signature has expired",
		"sign the zone again, and find out why its signer did not", "RFC 4035, section 5.3.1"},
	{"signature-expires-soon", "signatures", Warning, "a signature expires soon",
		"see that the signer runs and its zone reaches all servers", "RFC 6781, section 4.4.2"},
	{"signature-future", "signatures", Error, "a signature is not yet valid",
		"set the signer's clock, and this machine's", "RFC 4035, section 5.3.1"},
	{"signature-missing", "signatures", Error, "data of the signed zone have no signature",
		"sign the whole zone; see that no server strips signatures", "RFC 4035, section 2.2"},
	{"signature-invalid", "signatures", Error, "a signature does not verify",
		"sign the zone again, and transfer it to all servers", "RFC 4035, section 5.3.3"},

	{"denial-missing", "denial", Error, "the proof that something does not exist is missing",
		"see that the server has the NSEC or NSEC3 records of the zone and supports DNSSEC",
		"RFC 4035, section 3.1.3; RFC 5155, section 7.2"},
	{"denial-invalid", "denial", Error,
		"the proof that something does not exist does not show it",
		"sign the zone again; PowerDNS: pdnsutil rectify-zone",
		"RFC 4035, section 5.4; RFC 5155, section 8"},
	{"denial-contradicts", "denial", Error,
		"a denial covers names or types that exist: resolvers that use it for others lose them",
		"sign the zone again; PowerDNS: pdnsutil rectify-zone", "RFC 8198, section 5"},
	{"empty-non-terminal-denied", "denial", Error,
		"a name is denied although names below it exist",
		"answer NOERROR without data: resolvers take all names below for denied",
		"RFC 8020, section 2; RFC 4592, section 2.2.2"},
	{"nsec3-iterations", "denial", Warning, "NSEC3 has iterations",
		"set them to 0", "RFC 9276, section 3.1"},
	{"nsec3-iterations-refused", "denial", Error,
		"NSEC3 has more iterations than validators compute: the zone is insecure",
		"set them to 0", "RFC 9276, section 3.2"},
	{"nsec3-salt", "denial", Notice, "NSEC3 has a salt", "take it out: it is of no use",
		"RFC 9276, section 3.1"},
	{"nsec3-opt-out", "denial", Notice, "NSEC3 has opt-out",
		"turn it off, unless the zone has very many unsigned delegations",
		"RFC 9276, section 3.1"},

	{"cds-no-key", "cds", Error, "a CDS or CDNSKEY is of no key in the zone",
		"publish CDS records of keys that are in the DNSKEY set", "RFC 7344, section 4.1"},
	{"cds-breaks", "cds", Error, "the DS set that CDS asks for would make the zone bogus",
		"publish CDS records of a key that signs the DNSKEY set", "RFC 7344, section 4.1"},
	{"cds-cdnskey-differ", "cds", Error, "CDS and CDNSKEY are not of the same keys",
		"publish both for the same keys", "RFC 7344, section 4"},
	{"cds-delete", "cds", Notice, "CDS asks the parent to remove the DS: the zone turns insecure",
		"keep the zone signed until the DS has gone and its TTL is over", "RFC 8078, section 4"},
	{"cds-delete-mixed", "cds", Error, "the record that asks for removal stands beside others",
		"publish either the removal alone, or records of keys", "RFC 8078, section 4"},
	{"cds-pending", "cds", Notice, "CDS asks for another DS set than the parent has",
		"wait for the parent, or tell it", "RFC 7344, section 6"},

	{"tlsa-missing", "tlsa", Error, "there is no TLSA record at the name",
		"publish it: 3 1 1 with the hash of the key is the usual form", "RFC 7671, section 5.1"},
	{"tlsa-unsigned", "tlsa", Error, "the TLSA record is not secure: clients ignore it",
		"sign the zone and publish its DS", "RFC 6698, section 4.1"},
	{"tlsa-malformed", "tlsa", Error, "a TLSA record cannot be used",
		"publish usage 2 or 3, selector 0 or 1, matching type 1 with a whole hash",
		"RFC 6698, section 2.1"},
	{"tlsa-mismatch", "tlsa", Error,
		"no TLSA record matches the certificate that the service presents",
		"publish the record of the certificate in use; the next one's beforehand",
		"RFC 7671, section 8.1"},
	{"tlsa-partial", "tlsa", Notice, "a TLSA record matches no certificate of the service",
		"remove it unless it is of a certificate that is to come", "RFC 7671, section 8.1"},
	{"tlsa-usage", "tlsa", Warning, "a TLSA record for mail has usage 0 or 1",
		"publish usage 3 or 2: mail servers do not use the others", "RFC 7672, section 3.1.3"},
	{"tlsa-unreachable", "tlsa", Warning, "the service of a TLSA record could not be asked",
		"see that the service runs and is reachable from here", "RFC 7671, section 8"},

	{"nothing-checked", "check", Error, "no name server of the zone could be asked",
		"name the servers with --server, and run the check where they can be reached", ""},
	{"limit-met", "check", Error, "not everything could be asked within the limits",
		"check fewer names or servers at once, or raise --max-time", ""},
}
