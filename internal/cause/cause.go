// Package cause is the one table of everything that can go wrong with a query. Metrics, Extended DNS Errors, logs and
// explanations all come from its rows, so that an operator and a client hear the same reason in the same words.
//
// A [Failure] is made where the cause is known and travels up as an error; nobody on the way replaces it by something
// less precise.
package cause

import (
	"cmp"
	"fmt"
	"strings"
)

// Kind groups causes by who can mend them.
type Kind uint8

// The kinds.
const (
	KindDNSSEC   Kind = iota // the zone's signatures or our trust in them
	KindInsecure             // an answer is served, without proof, for this reason
	KindNetwork              // servers and paths
	KindLimit                // a budget ran out
	KindPolicy               // we were told so
	KindRequest              // the client's message
	KindInternal             // a fault of this program
)

func (k Kind) String() string {
	return [...]string{"dnssec", "insecure", "network", "limit", "policy", "request", "internal"}[k]
}

// Cause is a row of the table.
type Cause uint8

// The causes. Their order is that of the table.
const (
	None Cause = iota

	// DNSSEC.
	SignatureExpired
	SignatureNotYetValid
	SignatureMissing
	SignatureInvalid
	SignerMismatch
	SignatureLabels
	KeyMissing
	KeyNotFound
	KeyNotZone
	KeyRevoked
	KeyUnusable
	KeyRefused
	KeyTagCollision
	DSMismatch
	DenialMissing
	DenialInvalid
	WildcardProofMissing
	AliasMismatch
	AnchorMismatch
	RecordMalformed

	// Insecure, and why.
	AlgorithmUnsupported
	DigestUnsupported
	KeysRefused
	NSEC3Iterations
	NegativeAnchor

	// Network.
	Timeout
	Unreachable
	ServerRefused
	ServerFailed
	ServerFormErr
	ServerNotImp
	ServerUnexpected
	Lame
	Malformed
	Truncated
	Spoofed
	ServerIdentity
	NoServers
	PrivateServers
	NoAddress
	DependencyLoop
	UplinkDown

	// Limits.
	LimitQueries
	LimitTime
	LimitAliases
	LimitReferrals
	LimitNameServers
	LimitSignatures
	LimitDigests
	LimitNSEC3
	LimitDepth
	AliasLoop
	AliasTooLong
	Overload
	LimitClient
	LimitPulse
	LocalResources
	ConnectionDisplaced
	ConnectionsPerClient
	Descriptors
	HeldOctets
	SlowReader
	SlowWriter
	HandshakeTime
	StreamFlood

	// Policy.
	ClientRefused
	ClientDropped
	QueryRefused
	NotRecursive
	Sentinel
	Stopping

	// The client's message.
	RequestMalformed
	RequestVersion
	RequestOpcode
	RequestCookie
	RequestTooEarly
	FrameMalformed
	Handshake
	ProxyHeader
	HTTPMalformed
	HTTPPath
	HTTPMethod
	HTTPMediaType
	HTTPQuery
	HTTPTooLarge
	HTTPForwarded
	QUICProtocol

	// This program.
	InternalError

	count
)

// EDE info codes (RFC 8914, section 4; RFC 9250 for 26, RFC 9276 for 27).
const (
	edeNone                  = -1
	edeOther                 = 0
	edeUnsupportedAlgorithm  = 1
	edeUnsupportedDigest     = 2
	edeDNSSECIndeterminate   = 5
	edeBogus                 = 6
	edeExpired               = 7
	edeNotYetValid           = 8
	edeKeyMissing            = 9
	edeRRSIGsMissing         = 10
	edeNoZoneKeyBitSet       = 11
	edeNSECMissing           = 12
	edeNotReady              = 14
	edeProhibited            = 18
	edeNotAuthoritative      = 20
	edeNotSupported          = 21
	edeNoReachableAuthority  = 22
	edeNetworkError          = 23
	edeInvalidData           = 24
	edeTooEarly              = 26
	edeUnsupportedIterations = 27
)

// row is what the table says of a cause.
type row struct {
	label string // metric label and log value; never changes once released
	kind  Kind
	ede   int    // info code, or edeNone
	text  string // one line, for people
	hint  string // what to do about it
}

var table = [count]row{
	None: {"none", KindRequest, edeNone, "nothing went wrong", ""},

	SignatureExpired:     {"signature_expired", KindDNSSEC, edeExpired, "every signature over the data has expired", "re-sign the zone; check the signer's timer and this machine's clock"},
	SignatureNotYetValid: {"signature_not_yet_valid", KindDNSSEC, edeNotYetValid, "every signature over the data begins in the future", "check the signer's clock and this machine's"},
	SignatureMissing:     {"signature_missing", KindDNSSEC, edeRRSIGsMissing, "data of a signed zone came without a signature", "check that the zone is fully signed and that no server strips RRSIGs"},
	SignatureInvalid:     {"signature_invalid", KindDNSSEC, edeBogus, "a signature does not verify", "re-sign the zone; compare the data of its servers"},
	SignerMismatch:       {"signer_mismatch", KindDNSSEC, edeBogus, "a signature names a signer that is not the zone of the data", "re-sign the zone with its own keys"},
	SignatureLabels:      {"signature_labels", KindDNSSEC, edeBogus, "a signature counts labels that its owner cannot have", "re-sign the zone"},
	KeyMissing:           {"dnskey_missing", KindDNSSEC, edeKeyMissing, "the zone has a DS but no DNSKEY could be had", "publish the DNSKEY set, or remove the DS at the parent"},
	KeyNotFound:          {"dnskey_not_found", KindDNSSEC, edeKeyMissing, "no DNSKEY of the zone made the signature", "publish the key that signs, or sign with a published key"},
	KeyNotZone:           {"dnskey_not_zone_key", KindDNSSEC, edeNoZoneKeyBitSet, "the only matching DNSKEY is not a zone key", "set the zone flag of the key"},
	KeyRevoked:           {"dnskey_revoked", KindDNSSEC, edeKeyMissing, "the only matching DNSKEY is revoked", "finish the roll-over: sign with, and point the DS to, the new key"},
	KeyUnusable: {"dnskey_unusable", KindDNSSEC, edeKeyMissing,
		"the only matching DNSKEY cannot be used: malformed, or of a wrong protocol",
		"replace the key"},
	KeyRefused: {"dnskey_refused", KindDNSSEC, edeBogus,
		"the matching DNSKEY is outside the limits, and not every DS names one that is",
		"replace the key: RSA moduli have 512 to 4096 bits here, exponents at most 35"},
	KeyTagCollision:      {"dnskey_tag_collision", KindDNSSEC, edeBogus, "more keys share one tag than are tried", "replace keys until tags differ"},
	DSMismatch:           {"ds_mismatch", KindDNSSEC, edeKeyMissing, "no DNSKEY of the zone matches the DS at its parent", "publish the DS of a key that is in the zone"},
	DenialMissing:        {"denial_missing", KindDNSSEC, edeNSECMissing, "the proof that the data do not exist is missing", "check the zone's NSEC or NSEC3 chain on all servers"},
	DenialInvalid:        {"denial_invalid", KindDNSSEC, edeNSECMissing, "the proof does not show that the data do not exist", "re-sign the zone; check for servers with old data"},
	WildcardProofMissing: {"wildcard_proof_missing", KindDNSSEC, edeNSECMissing, "the proof that no closer name exists than the wildcard is missing", "check the zone's NSEC or NSEC3 chain on all servers"},
	AliasMismatch:        {"alias_mismatch", KindDNSSEC, edeBogus, "an unsigned CNAME is not what the signed DNAME makes of the name", "check the server's DNAME support"},
	AnchorMismatch:       {"anchor_mismatch", KindDNSSEC, edeKeyMissing, "no DNSKEY of the zone matches its trust anchor", "update the trust anchor, and check who answers for the zone"},
	RecordMalformed: {"record_malformed", KindDNSSEC, edeOther,
		"a record cannot be of its type, and was left out of its set",
		"correct the record in the zone"},

	AlgorithmUnsupported: {"algorithm_unsupported", KindInsecure, edeUnsupportedAlgorithm, "the delegation is signed with unsupported algorithms only", "sign with ECDSA P-256 (13) or Ed25519 (15)"},
	DigestUnsupported:    {"digest_unsupported", KindInsecure, edeUnsupportedDigest, "the delegation has DS digests of unsupported types only", "publish a DS with SHA-256"},
	KeysRefused: {"dnskeys_refused", KindInsecure, edeUnsupportedAlgorithm,
		"every DS names a DNSKEY that is outside the limits",
		"replace the keys: RSA moduli have 512 to 4096 bits here, exponents at most 35"},
	NSEC3Iterations: {"nsec3_iterations", KindInsecure, edeUnsupportedIterations,
		"the zone's NSEC3 iterations are above what is computed", "set the iterations to 0"},
	NegativeAnchor: {"negative_trust_anchor", KindInsecure, edeNone,
		"validation is switched off here by a negative trust anchor",
		"remove it when the zone is mended"},

	Timeout:          {"timeout", KindNetwork, edeNoReachableAuthority, "no server answered in time", "check the servers and the path to them"},
	Unreachable:      {"unreachable", KindNetwork, edeNoReachableAuthority, "no server could be reached", "check the servers' addresses and the route to them"},
	ServerRefused:    {"refused", KindNetwork, edeNoReachableAuthority, "the servers refuse to answer for the zone", "configure the zone on its servers, or correct the delegation"},
	ServerFailed:     {"server_failure", KindNetwork, edeNetworkError, "the servers say SERVFAIL", "see the servers' logs"},
	ServerFormErr:    {"server_formerr", KindNetwork, edeNetworkError, "the servers do not understand the question", "update the servers"},
	ServerNotImp:     {"server_notimp", KindNetwork, edeNetworkError, "the servers do not implement the question", "update the servers"},
	ServerUnexpected: {"server_unexpected", KindNetwork, edeInvalidData, "the servers' answer makes no sense", "see the servers' configuration"},
	Lame:             {"lame", KindNetwork, edeNoReachableAuthority, "the servers are not authoritative for the zone that is delegated to them", "configure the zone on its servers, or correct the delegation"},
	Malformed:        {"malformed", KindNetwork, edeInvalidData, "the servers' answer is malformed", "update the servers"},
	Truncated:        {"truncated", KindNetwork, edeNetworkError, "the answer is truncated and cannot be had over TCP", "let TCP port 53 through"},
	Spoofed:          {"spoofed", KindNetwork, edeNetworkError, "answers came that do not match the question", "look for a spoofing attack or a broken middlebox"},
	ServerIdentity:   {"server_identity", KindNetwork, edeNetworkError, "a server that is asked over an encrypted transport is not who it has to be", "compare tls_name and tls_pins with the server's certificate"},
	NoServers:        {"no_servers", KindNetwork, edeNoReachableAuthority, "the delegation names no server that may be asked", "correct the delegation"},
	PrivateServers: {"private_servers", KindNetwork, edeNoReachableAuthority,
		"the public delegation leads to private addresses",
		"correct the delegation; for a zone of your own, name its servers in resolver.stub_zones, or " +
			"set resolver.private_servers"},
	NoAddress: {"no_address", KindNetwork, edeNoReachableAuthority,
		"no server of the delegation has an address", "publish addresses for the name servers"},
	DependencyLoop: {"dependency_loop", KindNetwork, edeNoReachableAuthority,
		"the name servers' addresses depend on the zone itself", "add glue at the parent"},
	UplinkDown: {"uplink_down", KindNetwork, edeNetworkError, "this resolver has no network",
		"check this machine's link"},

	LimitQueries:     {"limit_queries", KindLimit, edeOther, "the answer would take more upstream queries than a query may cause", "shorten the chain of delegations and aliases"},
	LimitTime:        {"limit_time", KindLimit, edeNoReachableAuthority, "the answer took longer than a client waits", "check the speed of the zone's servers"},
	LimitAliases:     {"limit_aliases", KindLimit, edeOther, "the alias chain is too long", "shorten the chain of CNAMEs"},
	LimitReferrals:   {"limit_referrals", KindLimit, edeOther, "too many referrals", "shorten the chain of delegations"},
	LimitNameServers: {"limit_name_servers", KindLimit, edeNoReachableAuthority, "too many name servers without an address", "add glue, remove dead name servers"},
	LimitSignatures:  {"limit_signatures", KindLimit, edeBogus, "more signature checks than a query may cost", "remove surplus keys and signatures"},
	LimitDigests:     {"limit_digests", KindLimit, edeKeyMissing, "more DS digests than a query may cost", "remove surplus DS records"},
	LimitNSEC3:       {"limit_nsec3", KindLimit, edeNSECMissing, "more NSEC3 hashing than a query may cost", "set the NSEC3 iterations to 0 and the salt to none"},
	LimitDepth:       {"limit_depth", KindLimit, edeOther, "questions that depend on questions, too deep", "add glue, shorten the chain of delegations"},
	AliasLoop:        {"alias_loop", KindLimit, edeOther, "the alias chain comes back to itself", "break the loop of CNAMEs"},
	AliasTooLong:     {"alias_too_long", KindLimit, edeOther, "the DNAME makes a name that is too long", ""},
	Overload:         {"overload", KindLimit, edeOther, "this resolver is overloaded", "raise the limits or add resolvers"},
	LocalResources: {"local_resources", KindLimit, edeOther,
		"this resolver lacked descriptors, ports or memory to ask, or a packet filter stopped it",
		"raise the limit on open files and net.ipv4.ip_local_port_range; look at the packet filter"},

	LimitClient: {"limit_client", KindLimit, edeOther,
		"this client's network has too many questions waiting",
		"have clients use cookies, TCP or an encrypted transport"},
	LimitPulse: {"limit_pulse", KindLimit, edeNone,
		"too many answers to one client became ready at once",
		"have clients use cookies, TCP or an encrypted transport"},

	ConnectionDisplaced:  {"connection_displaced", KindLimit, edeNone, "an idle connection was closed for a new one", "raise connections.max"},
	ConnectionsPerClient: {"connections_per_client", KindLimit, edeNone, "the client has its share of connections", "raise connections.per_client"},
	Descriptors: {"descriptors", KindLimit, edeNone,
		"this process has no file descriptor left for a client's connection",
		"raise its limit (LimitNOFILE= of systemd, ulimit -n)"},
	HeldOctets: {"held_octets", KindLimit, edeNone,
		"the client had most of what is held of unfinished messages and unsent answers",
		"raise connections.memory"},
	SlowReader:    {"slow_reader", KindLimit, edeNone, "the client does not take its answers", ""},
	SlowWriter:    {"slow_writer", KindLimit, edeNone, "a message took too long to arrive", ""},
	HandshakeTime: {"handshake_time", KindLimit, edeNone, "the handshake took too long", ""},
	StreamFlood: {"stream_flood", KindLimit, edeNone,
		"more streams, resets or control frames than queries need", ""},

	ClientRefused: {"client_refused", KindPolicy, edeProhibited, "this client may not ask", "add the client's network to policy.access"},
	ClientDropped: {"client_dropped", KindPolicy, edeNone,
		"this client's queries are not answered at all",
		"take the client's network out of policy.access"},
	QueryRefused: {"query_refused", KindPolicy, edeNotSupported,
		"this question is not answered here", ""},

	NotRecursive: {"not_recursive", KindPolicy, edeNotAuthoritative, "this resolver answers recursive questions only", "set the RD bit"},

	Sentinel: {"root_key_sentinel", KindPolicy, edeBogus, "the name tests our trust anchors, and this is the answer (RFC 8509)", ""},
	Stopping: {"stopping", KindPolicy, edeNotReady, "this resolver is being stopped",
		"ask another resolver until it is there again"},

	RequestMalformed: {"request_malformed", KindRequest, edeNone, "the query is malformed", ""},
	RequestVersion:   {"request_version", KindRequest, edeNone, "the query's EDNS version is not known", ""},
	RequestOpcode:    {"request_opcode", KindRequest, edeNone, "the query's opcode is not implemented", ""},
	RequestCookie:    {"request_cookie", KindRequest, edeNone, "the query's cookie is malformed", ""},
	RequestTooEarly:  {"request_too_early", KindRequest, edeTooEarly, "only queries may come as 0-RTT data", "send it again when the handshake is done"},

	FrameMalformed: {"frame_malformed", KindRequest, edeNone, "what came is not a DNS message behind its length", ""},
	Handshake:      {"handshake", KindRequest, edeNone, "the handshake failed", "see that the client speaks TLS 1.2 or later, and trusts the certificate"},
	ProxyHeader:    {"proxy_header", KindRequest, edeNone, "a proxy that is trusted sent no PROXY header of version 2", "switch PROXY protocol on in the proxy, or take it out of proxy_from"},
	HTTPMalformed:  {"http_malformed", KindRequest, edeNone, "the client does not speak HTTP as it should", ""},
	HTTPPath:       {"http_path", KindRequest, edeNone, "DNS is not served at this path", "set doh.path, or the client's URI"},
	HTTPMethod:     {"http_method", KindRequest, edeNone, "neither GET nor POST", ""},
	HTTPMediaType:  {"http_media_type", KindRequest, edeNone, "the body is not application/dns-message", ""},
	HTTPQuery:      {"http_query", KindRequest, edeNone, "no DNS message in the request: too short, no parameter dns, or not in base64url", ""},
	HTTPTooLarge:   {"http_too_large", KindRequest, edeNone, "the request is larger than a DNS message can be", ""},
	HTTPForwarded: {"http_forwarded", KindRequest, edeNone,
		"a trusted proxy's request does not say clearly whom it is for: it has both Forwarded and" +
			" X-Forwarded-For, or what it has cannot be read",
		"name the one that the proxy sets: forwarded_header of the listener"},
	QUICProtocol: {"quic_protocol", KindRequest, edeNone, "the client does not keep to RFC 9250", ""},

	InternalError: {"internal_error", KindInternal, edeOther, "this resolver met a fault of its own",
		"report the stack that is in its log"},
}

// All lists every cause but None.
func All() (cs []Cause) {
	for c := None + 1; c < count; c++ {
		cs = append(cs, c)
	}
	return cs
}

// Label is the metric label and log value.
func (c Cause) Label() string { return table[c].label }

// String is the label.
func (c Cause) String() string { return table[c].label }

// Kind says which group the cause is of.
func (c Cause) Kind() Kind { return table[c].kind }

// EDE returns the Extended DNS Error's info code; false where the cause has none.
func (c Cause) EDE() (uint16, bool) { return uint16(table[c].ede), table[c].ede != edeNone }

// Bogus returns the info code for what came of a validation, where the cause's own code says only
// what was missing (RFC 8914, sections 4.7 and 4.13). Unbound says the former only, Knot and
// PowerDNS the latter.
func (c Cause) Bogus() (uint16, bool) {
	return edeBogus, table[c].ede == edeNSECMissing && table[c].kind == KindDNSSEC
}

// Fails reports whether a query can end in SERVFAIL for the cause. The others are reasons to
// refuse a query, to close a connection, or to serve an answer unvalidated.
func (c Cause) Fails() bool {
	switch _, told := c.EDE(); table[c].kind {
	case KindDNSSEC, KindNetwork, KindInternal:
		return true
	case KindLimit:
		return told
	}
	return c == Sentinel || c == Stopping
}

// Text explains the cause in a line.
func (c Cause) Text() string { return table[c].text }

// Hint says what to do.
func (c Cause) Hint() string { return table[c].hint }

// Scope is what a failure may be held against: never more than what caused it.
type Scope uint8

// The scopes.
const (
	ScopeName  Scope = iota // the name that was asked for, or its zone
	ScopeQuery              // one client query, which met a limit before all was tried
	ScopeLink               // our own network: no server of any zone replied meanwhile
)

// Failure is a cause with where it was found. It is an error.
type Failure struct {
	Cause  Cause
	Zone   string   // the zone at fault, "" if not known
	Server string   // the server that showed it, "" if it is not about one
	Detail string   // key tag, type, owner: whatever makes it precise
	Under  *Failure // what it comes from, if that is a cause of its own
	Scope  Scope    // see HeldAgainst
	inside bool     // the server is known to the operator alone; see Inside
	Remedy string   // what to do about it where that is not what the table says; see Hint
}

// HeldAgainst returns what the failure may be remembered against. A limit is the matter of the
// query that met it; what comes from another failure reaches no further than that one.
func (f *Failure) HeldAgainst() Scope {
	for ; f != nil; f = f.Under {
		switch {
		case f.Scope != ScopeName:
			return f.Scope
		case f.Cause.Kind() == KindLimit, f.Cause.Kind() == KindInternal:
			return ScopeQuery
		}
	}
	return ScopeName
}

// Within returns a copy that is held against no more than a scope.
func (f *Failure) Within(s Scope) *Failure {
	g := *f
	g.Scope = s
	return &g
}

// New makes a failure. The detail is formatted.
func New(c Cause, zone fmt.Stringer, detail string, args ...any) *Failure {
	f := &Failure{Cause: c, Detail: fmt.Sprintf(detail, args...)}
	if zone != nil {
		f.Zone = zone.String()
	}
	return f
}

// Hint says what to do, to the operator of this resolver.
func (f *Failure) Hint() string { return cmp.Or(f.Remedy, f.Cause.Hint()) }

// At returns a copy that names the server.
func (f *Failure) At(server fmt.Stringer) *Failure {
	g := *f
	g.Server = server.String()
	return &g
}

// Inside returns a copy whose server is the operator's own matter: the log has it, clients do not.
func (f *Failure) Inside() *Failure {
	if f.Server == "" {
		return f
	}
	g := *f
	g.inside = true
	return &g
}

// Limits of EXTRA-TEXT, in octets.
const (
	// maxExtra bounds it per option: answers stay small (RFC 8914, section 2 asks for no more than
	// is useful).
	maxExtra = 96
	// minShort is what is left of a name at least, so that zone, server and owner leave room for
	// the rest of the detail: both ends of the name.
	minShort = 14
)

// Extra is the EXTRA-TEXT: zone, server and detail. Where that is long, names in it are shortened,
// so that key tags, types and addresses are there whole.
func (f *Failure) Extra() string {
	server := f.Server
	if f.inside {
		server = ""
	}
	var words []string
	over := -maxExtra - 1
	for _, w := range strings.Fields(f.Zone + " " + server + " " + f.Detail) {
		words = append(words, w)
		over += len(w) + 1
	}
	if len(words) == 0 {
		return f.Cause.Text()
	}
	for over > 0 {
		longest, end := -1, minShort
		for i, w := range words {
			if n := nameIn(w); n > end {
				longest, end = i, n
			}
		}
		if longest < 0 {
			break
		}
		w := words[longest]
		keep := max(minShort, end-over)
		words[longest] = w[:(keep-3)/2] + "..." + w[end-(keep-2)/2:]
		over -= end - keep
	}
	s := strings.Join(words, " ")
	return s[:min(len(s), maxExtra)]
}

// nameIn is the length of the domain name that a word begins with, such as "www.example./A", and 0
// if it does not. Names are absolute, and have no spaces.
func nameIn(word string) int {
	if strings.HasSuffix(word, ".") {
		return len(word)
	}
	return strings.LastIndex(word, "./") + 1
}

// Error tells all that is known.
func (f *Failure) Error() string {
	s := f.Cause.Text()
	if f.Zone != "" {
		s += ": zone " + f.Zone
	}
	if f.Server != "" {
		s += ", server " + f.Server
	}
	if f.Detail != "" {
		s += ", " + f.Detail
	}
	if f.Under != nil {
		s += "; " + f.Under.Error()
	}
	return s
}
