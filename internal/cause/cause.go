// Package cause is the one table of everything that can go wrong with a query. Metrics, Extended
// DNS Errors (RFC 8914) and logs all come from its rows, so that an operator and a client get the
// same reason in the same words.
//
// A [Failure] is made where the cause is known and is returned as an error; callers do not replace
// it by a less precise one.
package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Kind is a group of causes, by who can correct them.
type Kind uint8

// The kinds.
const (
	KindDNSSEC   Kind = iota // the zone's signatures or our trust in them
	KindInsecure             // why an answer is served without proof
	KindNetwork              // servers and paths
	KindLimit                // a limit was met
	KindPolicy               // the configuration
	KindRequest              // the client's message
	KindInternal             // a fault of this program
)

func (k Kind) String() string {
	return [...]string{"dnssec", "insecure", "network", "limit", "policy", "request", "internal"}[k]
}

// Cause is a row of the table.
type Cause uint8

// The causes, by kind. A number is in records that outlive the process, so it never changes once
// released: a new cause takes the next free one, whatever its kind.
const (
	None Cause = 0

	// DNSSEC.
	SignatureExpired     Cause = 1
	SignatureNotYetValid Cause = 2
	SignatureMissing     Cause = 3
	SignatureInvalid     Cause = 4
	SignerMismatch       Cause = 5
	SignatureLabels      Cause = 6
	KeyMissing           Cause = 7
	KeyNotFound          Cause = 8
	KeyNotZone           Cause = 9
	KeyRevoked           Cause = 10
	KeyUnusable          Cause = 11
	KeyRefused           Cause = 12
	KeyTagCollision      Cause = 13
	DSMismatch           Cause = 14
	DenialMissing        Cause = 15
	DenialInvalid        Cause = 16
	WildcardProofMissing Cause = 17
	AliasMismatch        Cause = 18
	AnchorMismatch       Cause = 19
	RecordMalformed      Cause = 20

	// Reasons of insecurity.
	AlgorithmUnsupported Cause = 21
	DigestUnsupported    Cause = 22
	KeysRefused          Cause = 23
	NSEC3Iterations      Cause = 24
	NegativeAnchor       Cause = 25

	// Network.
	Timeout          Cause = 26
	Unreachable      Cause = 27
	ServerRefused    Cause = 28
	ServerFailed     Cause = 29
	ServerFormErr    Cause = 30
	ServerNotImp     Cause = 31
	ServerUnexpected Cause = 32
	Lame             Cause = 33
	Malformed        Cause = 34
	Truncated        Cause = 35
	Spoofed          Cause = 36
	ServerIdentity   Cause = 37
	NoServers        Cause = 38
	PrivateServers   Cause = 39
	NoAddress        Cause = 40
	DependencyLoop   Cause = 41
	UplinkDown       Cause = 42

	// Limits.
	LimitQueries         Cause = 43
	LimitTime            Cause = 44
	LimitAliases         Cause = 45
	LimitReferrals       Cause = 46
	LimitNameServers     Cause = 47
	LimitSignatures      Cause = 48
	LimitDigests         Cause = 49
	LimitNSEC3           Cause = 50
	LimitDepth           Cause = 51
	AliasLoop            Cause = 52
	AliasTooLong         Cause = 53
	Overload             Cause = 54
	LimitClient          Cause = 55
	LimitPulse           Cause = 56
	LocalResources       Cause = 57
	ConnectionDisplaced  Cause = 58
	ConnectionsPerClient Cause = 59
	Descriptors          Cause = 60
	HeldOctets           Cause = 61
	SlowReader           Cause = 62
	SlowWriter           Cause = 63
	HandshakeTime        Cause = 64
	StreamFlood          Cause = 65

	// Policy.
	ClientRefused  Cause = 66
	ClientDropped  Cause = 67
	QueryRefused   Cause = 68
	NotRecursive   Cause = 69
	Sentinel       Cause = 70
	Stopping       Cause = 71
	PrivateAddress Cause = 89

	// The client's message.
	RequestMalformed Cause = 72
	RequestVersion   Cause = 73
	RequestOpcode    Cause = 74
	RequestCookie    Cause = 75
	RequestTooEarly  Cause = 76
	FrameMalformed   Cause = 77
	Handshake        Cause = 78
	ProxyHeader      Cause = 79
	HTTPMalformed    Cause = 80
	HTTPPath         Cause = 81
	HTTPMethod       Cause = 82
	HTTPMediaType    Cause = 83
	HTTPQuery        Cause = 84
	HTTPTooLarge     Cause = 85
	HTTPForwarded    Cause = 86
	QUICProtocol     Cause = 87

	// This program.
	InternalError Cause = 88

	count = 90
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
	edeBlocked               = 15
	edeProhibited            = 18
	edeNotAuthoritative      = 20
	edeNotSupported          = 21
	edeNoReachableAuthority  = 22
	edeNetworkError          = 23
	edeInvalidData           = 24
	edeTooEarly              = 26
	edeUnsupportedIterations = 27
)

// row is a row of the table.
type row struct {
	label    string // metric label and log value; never changes once released
	kind     Kind
	ede      int    // info code, or edeNone
	rank     int    // see Rank
	status   int    // see HTTPStatus
	upstream bool   // see Upstream
	text     string // one line of explanation
	hint     string // what to do about it
}

var table = [count]row{
	None: {label: "none", kind: KindRequest, ede: edeNone, upstream: true,
		text: "nothing went wrong",
	},

	SignatureExpired: {label: "signature_expired", kind: KindDNSSEC, ede: edeExpired, rank: 7,
		text: "every signature over the data has expired",
		hint: "re-sign the zone; check the signer's timer and this machine's clock",
	},
	SignatureNotYetValid: {label: "signature_not_yet_valid", kind: KindDNSSEC, ede: edeNotYetValid,
		rank: 6,
		text: "every signature over the data begins in the future",
		hint: "check the signer's clock and this machine's",
	},
	SignatureMissing: {label: "signature_missing", kind: KindDNSSEC, ede: edeRRSIGsMissing, rank: 1,
		text: "data of a signed zone came without a signature",
		hint: "check that the zone is fully signed and that no server strips RRSIGs",
	},
	SignatureInvalid: {label: "signature_invalid", kind: KindDNSSEC, ede: edeBogus, rank: 8,
		text: "a signature does not verify",
		hint: "re-sign the zone; compare the data of its servers",
	},
	SignerMismatch: {label: "signer_mismatch", kind: KindDNSSEC, ede: edeBogus, rank: 2,
		text: "a signature names a signer that is not the zone of the data",
		hint: "re-sign the zone with its own keys",
	},
	SignatureLabels: {label: "signature_labels", kind: KindDNSSEC, ede: edeBogus, rank: 4,
		text: "a signature counts labels that its owner cannot have",
		hint: "re-sign the zone",
	},
	KeyMissing: {label: "dnskey_missing", kind: KindDNSSEC, ede: edeKeyMissing,
		text: "the zone has a DS but no DNSKEY could be had",
		hint: "publish the DNSKEY set, or remove the DS at the parent",
	},
	KeyNotFound: {label: "dnskey_not_found", kind: KindDNSSEC, ede: edeKeyMissing, rank: 3,
		text: "no DNSKEY of the zone made the signature",
		hint: "publish the key that signs, or sign with a published key",
	},
	KeyNotZone: {label: "dnskey_not_zone_key", kind: KindDNSSEC, ede: edeNoZoneKeyBitSet, rank: 5,
		text: "the only matching DNSKEY is not a zone key",
		hint: "set the zone flag of the key",
	},
	KeyRevoked: {label: "dnskey_revoked", kind: KindDNSSEC, ede: edeKeyMissing, rank: 5,
		text: "the only matching DNSKEY is revoked",
		hint: "finish the roll-over: sign with, and point the DS to, the new key",
	},
	KeyUnusable: {label: "dnskey_unusable", kind: KindDNSSEC, ede: edeKeyMissing, rank: 5,
		text: "the only matching DNSKEY cannot be used: malformed, or of a wrong protocol",
		hint: "replace the key",
	},
	KeyRefused: {label: "dnskey_refused", kind: KindDNSSEC, ede: edeBogus, rank: 5,
		text: "the matching DNSKEY is outside the limits, and not every DS names one that is",
		hint: "replace the key: RSA moduli have 512 to 4096 bits here, exponents at most 35",
	},
	KeyTagCollision: {label: "dnskey_tag_collision", kind: KindDNSSEC, ede: edeBogus, rank: 9,
		text: "more keys share one tag than are tried",
		hint: "replace keys until tags differ",
	},
	DSMismatch: {label: "ds_mismatch", kind: KindDNSSEC, ede: edeKeyMissing,
		text: "no DNSKEY of the zone matches the DS at its parent",
		hint: "publish the DS of a key that is in the zone",
	},
	DenialMissing: {label: "denial_missing", kind: KindDNSSEC, ede: edeNSECMissing,
		text: "the proof that the data do not exist is missing",
		hint: "check the zone's NSEC or NSEC3 chain on all servers",
	},
	DenialInvalid: {label: "denial_invalid", kind: KindDNSSEC, ede: edeNSECMissing,
		text: "the proof does not show that the data do not exist",
		hint: "re-sign the zone; check for servers with old data",
	},
	WildcardProofMissing: {label: "wildcard_proof_missing", kind: KindDNSSEC, ede: edeNSECMissing,
		text: "the proof that no closer name exists than the wildcard is missing",
		hint: "check the zone's NSEC or NSEC3 chain on all servers",
	},
	AliasMismatch: {label: "alias_mismatch", kind: KindDNSSEC, ede: edeBogus,
		text: "an unsigned CNAME is not what the signed DNAME makes of the name",
		hint: "check the server's DNAME support",
	},
	AnchorMismatch: {label: "anchor_mismatch", kind: KindDNSSEC, ede: edeKeyMissing,
		text: "no DNSKEY of the zone matches its trust anchor",
		hint: "update the trust anchor, and check who answers for the zone",
	},
	RecordMalformed: {label: "record_malformed", kind: KindDNSSEC, ede: edeOther,
		text: "a record cannot be of its type, and was left out of its set",
		hint: "correct the record in the zone",
	},

	AlgorithmUnsupported: {label: "algorithm_unsupported", kind: KindInsecure,
		ede:  edeUnsupportedAlgorithm,
		text: "the delegation is signed with unsupported algorithms only",
		hint: "sign with ECDSA P-256 (13) or Ed25519 (15)",
	},
	DigestUnsupported: {label: "digest_unsupported", kind: KindInsecure, ede: edeUnsupportedDigest,
		text: "the delegation has DS digests of unsupported types only",
		hint: "publish a DS with SHA-256",
	},
	KeysRefused: {label: "dnskeys_refused", kind: KindInsecure, ede: edeUnsupportedAlgorithm,
		text: "every DS names a DNSKEY that is outside the limits",
		hint: "replace the keys: RSA moduli have 512 to 4096 bits here, exponents at most 35",
	},
	NSEC3Iterations: {label: "nsec3_iterations", kind: KindInsecure, ede: edeUnsupportedIterations,
		text: "the zone's NSEC3 iterations are above what is computed",
		hint: "set the iterations to 0",
	},
	NegativeAnchor: {label: "negative_trust_anchor", kind: KindInsecure, ede: edeNone,
		text: "validation is switched off here by a negative trust anchor",
		hint: "remove it when the zone is mended",
	},

	Timeout: {label: "timeout", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 3,
		upstream: true,
		text:     "no server answered in time",
		hint:     "check the servers and the path to them",
	},
	Unreachable: {label: "unreachable", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 2,
		upstream: true,
		text:     "no server could be reached",
		hint:     "check the servers' addresses and the route to them",
	},
	ServerRefused: {label: "refused", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 8,
		text: "the servers refuse to answer for the zone",
		hint: "configure the zone on its servers, or correct the delegation",
	},
	ServerFailed: {label: "server_failure", kind: KindNetwork, ede: edeNetworkError, rank: 7,
		text: "the servers say SERVFAIL",
		hint: "see the servers' logs",
	},
	ServerFormErr: {label: "server_formerr", kind: KindNetwork, ede: edeNetworkError, rank: 5,
		text: "the servers do not understand the question",
		hint: "update the servers",
	},
	ServerNotImp: {label: "server_notimp", kind: KindNetwork, ede: edeNetworkError, rank: 5,
		text: "the servers do not implement the question",
		hint: "update the servers",
	},
	ServerUnexpected: {label: "server_unexpected", kind: KindNetwork, ede: edeInvalidData, rank: 6,
		text: "the servers' answer makes no sense",
		hint: "see the servers' configuration",
	},
	Lame: {label: "lame", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 8,
		text: "the servers are not authoritative for the zone that is delegated to them",
		hint: "configure the zone on its servers, or correct the delegation",
	},
	Malformed: {label: "malformed", kind: KindNetwork, ede: edeInvalidData, rank: 6, upstream: true,
		text: "the servers' answer is malformed",
		hint: "update the servers",
	},
	Truncated: {label: "truncated", kind: KindNetwork, ede: edeNetworkError, rank: 4,
		text: "the answer is truncated and cannot be had over TCP",
		hint: "let TCP port 53 through",
	},
	Spoofed: {label: "spoofed", kind: KindNetwork, ede: edeNetworkError, rank: 4, upstream: true,
		text: "answers came that do not match the question",
		hint: "look for a spoofing attack or a broken middlebox",
	},
	ServerIdentity: {label: "server_identity", kind: KindNetwork, ede: edeNetworkError, rank: 9,
		upstream: true,
		text:     "a server that is asked over an encrypted transport is not who it has to be",
		hint:     "compare tls_name and tls_pins with the server's certificate",
	},
	NoServers: {label: "no_servers", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 1,
		text: "the delegation names no server that may be asked",
		hint: "correct the delegation",
	},
	PrivateServers: {label: "private_servers", kind: KindNetwork, ede: edeNoReachableAuthority,
		rank: 1,
		text: "the public delegation leads to private addresses",
		hint: "correct the delegation; for a zone of your own, name its servers in " +
			"resolver.stub_zones, or " +
			"set resolver.private_servers",
	},
	NoAddress: {label: "no_address", kind: KindNetwork, ede: edeNoReachableAuthority, rank: 1,
		text: "no server of the delegation has an address",
		hint: "publish addresses for the name servers",
	},
	DependencyLoop: {label: "dependency_loop", kind: KindNetwork, ede: edeNoReachableAuthority,
		text: "the name servers' addresses depend on the zone itself",
		hint: "add glue at the parent",
	},
	UplinkDown: {label: "uplink_down", kind: KindNetwork, ede: edeNetworkError, rank: 2,
		upstream: true,
		text:     "this resolver has no network",
		hint:     "check this machine's link",
	},

	LimitQueries: {label: "limit_queries", kind: KindLimit, ede: edeOther,
		text: "the answer would take more upstream queries than a query may cause",
		hint: "shorten the chain of delegations and aliases",
	},
	LimitTime: {label: "limit_time", kind: KindLimit, ede: edeNoReachableAuthority,
		text: "the answer took longer than a client waits",
		hint: "check the speed of the zone's servers",
	},
	LimitAliases: {label: "limit_aliases", kind: KindLimit, ede: edeOther,
		text: "the alias chain is too long",
		hint: "shorten the chain of CNAMEs",
	},
	LimitReferrals: {label: "limit_referrals", kind: KindLimit, ede: edeOther,
		text: "too many referrals",
		hint: "shorten the chain of delegations",
	},
	LimitNameServers: {label: "limit_name_servers", kind: KindLimit, ede: edeNoReachableAuthority,
		text: "too many name servers without an address",
		hint: "add glue, remove dead name servers",
	},
	LimitSignatures: {label: "limit_signatures", kind: KindLimit, ede: edeBogus, rank: 10,
		text: "more signature checks than a query may cost",
		hint: "remove surplus keys and signatures",
	},
	LimitDigests: {label: "limit_digests", kind: KindLimit, ede: edeKeyMissing,
		text: "more DS digests than a query may cost",
		hint: "remove surplus DS records",
	},
	LimitNSEC3: {label: "limit_nsec3", kind: KindLimit, ede: edeNSECMissing,
		text: "more NSEC3 hashing than a query may cost",
		hint: "set the NSEC3 iterations to 0 and the salt to none",
	},
	LimitDepth: {label: "limit_depth", kind: KindLimit, ede: edeOther,
		text: "questions that depend on questions, too deep",
		hint: "add glue, shorten the chain of delegations",
	},
	AliasLoop: {label: "alias_loop", kind: KindLimit, ede: edeOther,
		text: "the alias chain comes back to itself",
		hint: "break the loop of CNAMEs",
	},
	AliasTooLong: {label: "alias_too_long", kind: KindLimit, ede: edeOther,
		text: "the DNAME makes a name that is too long",
	},
	Overload: {label: "overload", kind: KindLimit, ede: edeOther,
		text: "this resolver is overloaded",
		hint: "raise the limits or add resolvers",
	},
	LocalResources: {label: "local_resources", kind: KindLimit, ede: edeOther, rank: 10,
		upstream: true,
		text: "this resolver lacked descriptors, ports or memory to ask, or a packet filter " +
			"stopped it",
		hint: "raise the limit on open files and net.ipv4.ip_local_port_range; look at the " +
			"packet filter",
	},
	LimitClient: {label: "limit_client", kind: KindLimit, ede: edeOther,
		text: "this client's network has too many questions waiting",
		hint: "have clients use cookies, TCP or an encrypted transport",
	},
	LimitPulse: {label: "limit_pulse", kind: KindLimit, ede: edeNone,
		text: "too many answers to one client became ready at once",
		hint: "have clients use cookies, TCP or an encrypted transport",
	},
	ConnectionDisplaced: {label: "connection_displaced", kind: KindLimit, ede: edeNone,
		text: "an idle connection was closed for a new one",
		hint: "raise connections.max",
	},
	ConnectionsPerClient: {label: "connections_per_client", kind: KindLimit, ede: edeNone,
		text: "the client has its share of connections",
		hint: "raise connections.per_client",
	},
	Descriptors: {label: "descriptors", kind: KindLimit, ede: edeNone,
		text: "this process has no file descriptor left for a client's connection",
		hint: "raise its limit (LimitNOFILE= of systemd, ulimit -n)",
	},
	HeldOctets: {label: "held_octets", kind: KindLimit, ede: edeNone,
		text: "the client had most of what is held of unfinished messages and unsent answers",
		hint: "raise connections.memory",
	},
	SlowReader: {label: "slow_reader", kind: KindLimit, ede: edeNone,
		text: "the client does not take its answers",
	},
	SlowWriter: {label: "slow_writer", kind: KindLimit, ede: edeNone, status: 408,
		text: "a message took too long to arrive",
	},
	HandshakeTime: {label: "handshake_time", kind: KindLimit, ede: edeNone,
		text: "the handshake took too long",
	},
	StreamFlood: {label: "stream_flood", kind: KindLimit, ede: edeNone,
		text: "more streams, resets or control frames than queries need",
	},

	ClientRefused: {label: "client_refused", kind: KindPolicy, ede: edeProhibited,
		text: "this client may not ask",
		hint: "add the client's network to policy.access",
	},
	ClientDropped: {label: "client_dropped", kind: KindPolicy, ede: edeNone,
		text: "this client's queries are not answered at all",
		hint: "take the client's network out of policy.access",
	},
	QueryRefused: {label: "query_refused", kind: KindPolicy, ede: edeNotSupported,
		text: "this question is not answered here",
	},
	NotRecursive: {label: "not_recursive", kind: KindPolicy, ede: edeNotAuthoritative,
		text: "this resolver answers recursive questions only",
		hint: "set the RD bit",
	},
	PrivateAddress: {label: "private_address", kind: KindPolicy, ede: edeBlocked,
		text: "private addresses were left out of the answer",
		hint: "if the name is yours, add it to policy.private_domains",
	},
	Sentinel: {label: "root_key_sentinel", kind: KindPolicy, ede: edeBogus,
		text: "the name tests our trust anchors, and this is the answer (RFC 8509)",
	},
	Stopping: {label: "stopping", kind: KindPolicy, ede: edeNotReady,
		text: "this resolver is being stopped",
		hint: "ask another resolver until it is there again",
	},

	RequestMalformed: {label: "request_malformed", kind: KindRequest, ede: edeNone,
		text: "the query is malformed",
	},
	RequestVersion: {label: "request_version", kind: KindRequest, ede: edeNone,
		text: "the query's EDNS version is not known",
	},
	RequestOpcode: {label: "request_opcode", kind: KindRequest, ede: edeNone,
		text: "the query's opcode is not implemented",
	},
	RequestCookie: {label: "request_cookie", kind: KindRequest, ede: edeNone,
		text: "the query's cookie is malformed",
	},
	RequestTooEarly: {label: "request_too_early", kind: KindRequest, ede: edeTooEarly,
		text: "only queries may come as 0-RTT data",
		hint: "send it again when the handshake is done",
	},
	FrameMalformed: {label: "frame_malformed", kind: KindRequest, ede: edeNone,
		text: "what came is not a DNS message behind its length",
	},
	Handshake: {label: "handshake", kind: KindRequest, ede: edeNone,
		text: "the handshake failed",
		hint: "see that the client speaks TLS 1.2 or later, and trusts the certificate",
	},
	ProxyHeader: {label: "proxy_header", kind: KindRequest, ede: edeNone,
		text: "a proxy that is trusted sent no PROXY header of version 2",
		hint: "switch PROXY protocol on in the proxy, or take it out of proxy_from",
	},
	HTTPMalformed: {label: "http_malformed", kind: KindRequest, ede: edeNone,
		text: "the client does not speak HTTP as it should",
	},
	HTTPPath: {label: "http_path", kind: KindRequest, ede: edeNone, status: 404,
		text: "DNS is not served at this path",
		hint: "set doh.path, or the client's URI",
	},
	HTTPMethod: {label: "http_method", kind: KindRequest, ede: edeNone, status: 405,
		text: "neither GET nor POST",
	},
	HTTPMediaType: {label: "http_media_type", kind: KindRequest, ede: edeNone, status: 415,
		text: "the body is not application/dns-message",
	},
	HTTPQuery: {label: "http_query", kind: KindRequest, ede: edeNone, status: 400,
		text: "no DNS message in the request: too short, no parameter dns, or not in base64url",
	},
	HTTPTooLarge: {label: "http_too_large", kind: KindRequest, ede: edeNone, status: 413,
		text: "the request is larger than a DNS message can be",
	},
	HTTPForwarded: {label: "http_forwarded", kind: KindRequest, ede: edeNone, status: 400,
		text: "a trusted proxy's request does not say clearly whom it is for: it has both " +
			"Forwarded and" +
			" X-Forwarded-For, or what it has cannot be read",
		hint: "name the one that the proxy sets: forwarded_header of the listener",
	},
	QUICProtocol: {label: "quic_protocol", kind: KindRequest, ede: edeNone,
		text: "the client does not keep to RFC 9250",
	},

	InternalError: {label: "internal_error", kind: KindInternal, ede: edeOther,
		text: "this resolver met a fault of its own",
		hint: "report the stack that is in its log",
	},
}

// All returns every cause but None, those of a kind together.
func All() (cs []Cause) {
	for c := None + 1; c < count; c++ {
		cs = append(cs, c)
	}
	slices.SortStableFunc(cs, func(a, b Cause) int { return cmp.Compare(a.Kind(), b.Kind()) })
	return cs
}

// Known reports whether c is the number of a cause.
func (c Cause) Known() bool { return c < count }

// Label returns the metric label and log value.
func (c Cause) Label() string { return table[c].label }

// String returns the label.
func (c Cause) String() string { return table[c].label }

// Kind returns the group of the cause.
func (c Cause) Kind() Kind { return table[c].kind }

// EDE returns the info code of the Extended DNS Error; false if the cause has none.
func (c Cause) EDE() (uint16, bool) { return uint16(table[c].ede), table[c].ede != edeNone }

// Bogus returns the info code DNSSEC Bogus for causes whose own code is NSEC Missing: clients get
// both, the result of validation and its reason (RFC 8914, sections 4.7 and 4.13). Unbound sends
// the former only, Knot and PowerDNS the latter.
func (c Cause) Bogus() (uint16, bool) {
	return edeBogus, table[c].ede == edeNSECMissing && table[c].kind == KindDNSSEC
}

// Fails reports whether a query can end in SERVFAIL for the cause. The others are reasons to
// refuse a query, to close a connection, or to serve an answer unvalidated.
func (c Cause) Fails() bool {
	switch _, hasEDE := c.EDE(); table[c].kind {
	case KindDNSSEC, KindNetwork, KindInternal:
		return true
	case KindLimit:
		return hasEDE
	}
	return c == Sentinel || c == Stopping
}

// Rank returns how precise the cause is, compared with others for which further servers or
// signatures of the same question failed: the client gets the highest. 0 means that the cause is
// not one of these.
func (c Cause) Rank() int { return table[c].rank }

// HTTPStatus returns the status of the response to an HTTP request that has no valid query for this
// cause; 0 if the cause does not concern HTTP.
func (c Cause) HTTPStatus() int { return table[c].status }

// Upstream reports whether an exchange with a server can end with the cause. None can, too.
func (c Cause) Upstream() bool { return table[c].upstream }

// Text returns an explanation of one line.
func (c Cause) Text() string { return table[c].text }

// Hint returns advice to the operator, "" if there is none.
func (c Cause) Hint() string { return table[c].hint }

// Scope is what a failure may be remembered against: never more than what caused it.
type Scope uint8

// The scopes.
const (
	ScopeName  Scope = iota // the name that was asked for, or its zone
	ScopeQuery              // one client query, which met a limit before all was tried
	ScopeLink               // this machine's network: no server of any zone replied meanwhile
)

// Failure is a cause with its zone, its server and details. It is an error.
type Failure struct {
	Cause  Cause
	Zone   string   // the zone at fault, "" if not known
	Server string   // the server that failed, "" if the failure is not about one
	Detail string   // key tag, type, owner and the like
	Under  *Failure // the failure that led to this one, if any
	Scope  Scope    // see HeldAgainst
	inside bool     // the server is for the log only; see Inside
	Remedy string   // advice in place of that of the table; see Hint
}

// HeldAgainst returns what the failure may be remembered against. A limit concerns only the query
// that met it, and a failure that another one led to reaches no further than that one.
func (f *Failure) HeldAgainst() Scope {
	for ; f != nil; f = f.Under {
		switch {
		case f.Scope != ScopeName:
			return f.Scope
		case f.Cause.Kind() == KindLimit, f.Cause.Kind() == KindInternal, f.Cause == Stopping:
			return ScopeQuery
		}
	}
	return ScopeName
}

// Within returns a copy that is held against a scope.
func (f *Failure) Within(s Scope) *Failure {
	g := *f
	g.Scope = s
	return &g
}

// New returns a failure. The detail is a format for args.
func New(c Cause, zone fmt.Stringer, detail string, args ...any) *Failure {
	f := &Failure{Cause: c, Detail: fmt.Sprintf(detail, args...)}
	if zone != nil {
		f.Zone = zone.String()
	}
	return f
}

// Hint returns advice to the operator of this resolver.
func (f *Failure) Hint() string { return cmp.Or(f.Remedy, f.Cause.Hint()) }

// At returns a copy that names the server.
func (f *Failure) At(server fmt.Stringer) *Failure {
	g := *f
	g.Server = server.String()
	return &g
}

// Inside returns a copy whose server is in the log, and not in answers to clients.
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
	// maxExtra is the largest EXTRA-TEXT of an option: it is to be short, so that answers are not
	// truncated (RFC 8914, section 2).
	maxExtra = 96
	// minShort is the shortest form of a shortened name, which consists of both ends of the name:
	// then zone, server and owner leave room for the rest of the detail.
	minShort = 14
)

// Extra returns the EXTRA-TEXT: zone, server and detail. If it is too long, names in it are
// shortened first, so that key tags, types and addresses stay complete.
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

// nameIn returns the length of the domain name at the beginning of a word such as
// "www.example./A", 0 if there is none. Names are absolute, and have no spaces.
func nameIn(word string) int {
	if strings.HasSuffix(word, ".") {
		return len(word)
	}
	return strings.LastIndex(word, "./") + 1
}

// Error returns the text of the cause with zone, server, detail and the failure that led to it.
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
