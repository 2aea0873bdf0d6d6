// Which link of the chain is broken, and who has to act.

package explain

import (
	"fmt"
	"strings"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// The kinds of links.
const (
	kindAnchor    = "anchor"    // between a trust anchor and the keys of its zone
	kindDS        = "ds"        // between the DS set at the parent and the keys
	kindDNSKEY    = "dnskey"    // the signature over the keys
	kindSignature = "signature" // the signature over data
	kindDenial    = "denial"
	kindServers   = "servers"
	kindAlias     = "alias"
	kindException = "exception"
	kindLimit     = "limit"
	kindRequest   = "request"
	kindResolver  = "resolver"
	kindPolicy    = "policy"
)

// faultOf returns a failure as a fault, with those that led to it.
func (x *explainer) faultOf(f *cause.Failure) *Fault {
	if f == nil {
		return nil
	}
	out := &Fault{Zone: f.Zone, Server: f.Server, Cause: f.Cause.Label(),
		Meaning: f.Cause.Text(), Detail: f.Detail, By: f.By().String(), Remedy: f.Hint()}
	if code, ok := f.Cause.EDE(); ok {
		out.EDE = &code
	}
	out.Kind, out.Link = x.linkOf(f)
	for u := f.Under; u != nil && len(out.Because) < maxRecords; u = u.Under {
		one := *u
		one.Under = nil
		out.Because = append(out.Because, *x.faultOf(&one))
	}
	return out
}

// subject returns the owner and type that the detail of a failure begins with, such as
// "www.example./A key 5"; zero if there are none.
func subject(f *cause.Failure) (owner wire.Name, t wire.Type, ok bool) {
	word, _, _ := strings.Cut(f.Detail, " ")
	i := strings.LastIndex(word, "/")
	if i < 0 {
		return wire.Name{}, 0, false
	}
	owner, err := wire.ParseName(word[:i])
	t, known := wire.ParseType(word[i+1:])
	return owner, t, err == nil && known
}

// linkOf returns the kind of the link that a failure breaks, and the link in words.
func (x *explainer) linkOf(f *cause.Failure) (kind, words string) {
	owner, t, about := subject(f)
	what := fmt.Sprintf("%s/%s", owner, t)
	switch c := f.Cause; {
	case c == cause.AnchorMismatch:
		return kindAnchor, "the link from the trust anchor of " + f.Zone + " to its DNSKEY set"
	case c == cause.NSEC3Iterations:
		return kindDenial, "the NSEC3 records of " + f.Zone
	case c == cause.AlgorithmUnsupported, c == cause.DigestUnsupported:
		return kindDS, "the DS set of " + f.Zone + x.atParent(f.Zone)
	case c == cause.KeyMissing:
		return kindDS, "the link from the DS set of " + f.Zone + x.atParent(f.Zone) +
			" to the DNSKEY set that it demands"
	case strings.HasPrefix(f.Detail, "DS ") && (c.Kind() == cause.KindDNSSEC ||
		c == cause.KeysRefused || c == cause.LimitDigests):
		return kindDS, "the link from the DS set of " + f.Zone + x.atParent(f.Zone) +
			" to its DNSKEY set"
	case c == cause.DenialMissing, c == cause.DenialInvalid, c == cause.LimitNSEC3:
		return kindDenial, "the proof of " + f.Zone + " that there is no " + what
	case c == cause.WildcardProofMissing:
		return kindDenial, "the proof of " + f.Zone + " that no name is closer to " + what +
			" than the wildcard"
	case c == cause.AliasMismatch, c == cause.AliasLoop, c == cause.AliasTooLong,
		c == cause.LimitAliases:
		return kindAlias, "the alias chain"
	case c == cause.KeySignatureMissing:
		return kindDNSKEY, "the signature over the DNSKEY set of " + f.Zone +
			" by a key that its DS set" + x.atParent(f.Zone) + " names"
	case c.Kind() == cause.KindDNSSEC && about && t == wire.TypeDNSKEY:
		return kindDNSKEY, "the signature over the DNSKEY set of " + f.Zone
	case c.Kind() == cause.KindDNSSEC && about:
		return kindSignature, "the signature of " + f.Zone + " over " + what
	case c == cause.NegativeAnchor, c == cause.ValidationOff, c == cause.Permissive,
		c == cause.TimeServer:
		return kindException, "an exception of this resolver"
	}
	return x.otherLink(f)
}

// otherLink is linkOf for what is not about a proof.
func (x *explainer) otherLink(f *cause.Failure) (kind, words string) {
	switch f.Cause.Kind() {
	case cause.KindNetwork:
		if f.Zone == "" {
			return kindServers, "the network of this resolver"
		}
		return kindServers, "the servers of " + f.Zone
	case cause.KindLimit:
		if f.Zone != "" {
			return kindLimit, "a limit, at " + f.Zone
		}
		return kindLimit, "a limit of this resolver"
	case cause.KindRequest:
		return kindRequest, "the question"
	case cause.KindDNSSEC:
		return kindSignature, "the data of " + f.Zone
	}
	return kindResolver, "this resolver"
}

// atParent names the parent of a zone, if it is known.
func (x *explainer) atParent(zone string) string {
	name, err := wire.ParseName(zone)
	if err != nil {
		return ""
	}
	if z := x.zones[name]; z != nil && !z.parent.IsZero() {
		return " at " + z.parent.String()
	}
	return ""
}
