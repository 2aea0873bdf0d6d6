// The table of everything that can be wrong with a zone or its servers, and of the client's answer.
// It is meant to be read.

package resolver_test

import (
	"testing"
	"testing/synctest"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

const (
	noError  = wire.RCodeNoError
	nxDomain = wire.RCodeNXDomain
	servFail = wire.RCodeServFail
	none     = cause.None
)

// outcomes are the lab's zones by name with the answers for them. The EDE follows from the cause.
var outcomes = []struct {
	name   string
	qtype  wire.Type
	rcode  wire.RCode
	status wire.Security
	cause  cause.Cause
}{
	// Zones without a fault.
	{"www.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.secure.example.", wire.TypeTXT, noError, wire.Secure, none},
	{"no.secure.example.", wire.TypeA, nxDomain, wire.Secure, none},
	{"b.ent.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"x.wild.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"x.wild.secure.example.", wire.TypeTXT, noError, wire.Secure, none},
	{"alias.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"away.nsec3.example.", wire.TypeA, noError, wire.Secure, none},
	{"leaf.tree.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.nsec3.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.nsec3.example.", wire.TypeTXT, noError, wire.Secure, none},
	{"no.nsec3.example.", wire.TypeA, nxDomain, wire.Secure, none},
	{"b.ent.nsec3.example.", wire.TypeA, noError, wire.Secure, none},
	{"x.wild.nsec3.example.", wire.TypeA, noError, wire.Secure, none},
	{"x.wild.nsec3.example.", wire.TypeTXT, noError, wire.Secure, none},
	{"no.iterated.example.", wire.TypeA, nxDomain, wire.Secure, none},
	{"no.compact.example.", wire.TypeA, nxDomain, wire.Secure, none},
	{"www.compact.example.", wire.TypeTXT, noError, wire.Secure, none},
	{"www.rsasha256.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.rsasha512.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.ecdsap384.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.ed25519.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.ed448.example.", wire.TypeA, noError, wire.Secure, none},
	{"www.sub.secure.example.", wire.TypeA, noError, wire.Secure, none},
	{"secure.example.", wire.TypeDS, noError, wire.Secure, none},
	{"secure.example.", wire.TypeDNSKEY, noError, wire.Secure, none},
	{"www.signed.optout.", wire.TypeA, noError, wire.Secure, none},

	// Unsigned zones.
	{"www.unsigned.example.", wire.TypeA, noError, wire.Insecure, none},
	{"no.unsigned.example.", wire.TypeA, nxDomain, wire.Insecure, none},
	{"unsigned.example.", wire.TypeDS, noError, wire.Secure, none},
	{"www.nods.example.", wire.TypeA, noError, wire.Insecure, none},
	{"www.unsigned.optout.", wire.TypeA, noError, wire.Insecure, none},
	{"unsigned.optout.", wire.TypeDS, noError, wire.Insecure, none},
	{"no.optout.", wire.TypeA, nxDomain, wire.Insecure, none},
	{"www.plain.", wire.TypeA, noError, wire.Insecure, none},
	{"www.plain.secure.example.", wire.TypeA, noError, wire.Insecure, none},
	{"no.iterations.faulty.", wire.TypeA, nxDomain, wire.Insecure, cause.NSEC3Iterations},
	{"www.algorithm.faulty.", wire.TypeA, noError, wire.Insecure, cause.AlgorithmUnsupported},
	{"www.digest.faulty.", wire.TypeA, noError, wire.Insecure, cause.DigestUnsupported},

	// Bogus zones.
	{"www.expired.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired},
	{"no.expired.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired},
	{"www.future.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureNotYetValid},
	{"www.reversed.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureReversed},
	{"www.missing-signatures.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureMissing},
	{"www.corrupt-signatures.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureInvalid},
	{"www.wrong-keys.faulty.", wire.TypeA, servFail, wire.Bogus, cause.KeyNotFound},
	{"www.ds-mismatch.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DSMismatch},
	{"www.no-keys.faulty.", wire.TypeA, servFail, wire.Bogus, cause.KeyMissing},
	{"www.no-denial.faulty.", wire.TypeTXT, servFail, wire.Bogus, cause.DenialMissing},
	{"no.no-denial.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DenialMissing},
	{"no.wrong-denial.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DenialInvalid},
	{"x.wild.no-wildcard-proof.faulty.", wire.TypeA, servFail, wire.Bogus,
		cause.WildcardProofMissing},
	{"www.stripping.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureMissing},
	{"www.forging.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureInvalid},
	// A CNAME that does not follow from its DNAME is not believed; the DNAME is.
	{"leaf.tree.wrong-synthesis.faulty.", wire.TypeA, noError, wire.Secure, none},

	// Servers that cannot be used.
	{"www.dead.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.Timeout},
	{"www.refusing.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.ServerRefused},
	{"www.failing.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.ServerFailed},
	{"www.lame.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.Lame},
	{"www.no-tcp.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.Truncated},
	{"www.always-tc.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.Truncated},
	{"www.garbage.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.Malformed},
	{"www.referral-bomb.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.LimitNameServers},
	{"www.loop-a.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.DependencyLoop},
	{"a.aliases.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.AliasLoop},
	{"c0.aliases.faulty.", wire.TypeA, servFail, wire.Unchecked, cause.LimitAliases},

	// Servers that can be worked around.
	{"www.slow.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.lossy.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.no-aa.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.truncate.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.no-edns.faulty.", wire.TypeA, noError, wire.Insecure, none},
	{"www.spoofed.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.cookies.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.hates-cookies.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.lower-case.faulty.", wire.TypeA, noError, wire.Secure, none},
	{"www.one-good.faulty.", wire.TypeA, noError, wire.Secure, none},
}

func TestOutcomes(t *testing.T) {
	for _, c := range outcomes {
		t.Run(c.name+"/"+c.qtype.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t)
				a := in.resolve(c.name, c.qtype)
				got := none
				if a.Failure != nil {
					got = a.Failure.Cause
				}
				if a.RCode != c.rcode || a.Status != c.status || got != c.cause {
					t.Errorf("got %s %s %s (%v), want %s %s %s\n%s", a.RCode, a.Status, got,
						a.Failure, c.rcode, c.status, c.cause, in.transcript())
				}
			})
		})
	}
}
