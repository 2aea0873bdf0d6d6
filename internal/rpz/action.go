// Actions: what the records of a policy zone say is done (section 3 of the draft).

package rpz

import (
	"fmt"
	"strings"

	"bailiwick/wire"
)

// Action is what is done with a question or an answer that a rule is about.
type Action uint8

// The actions.
const (
	NXDomain  Action = iota // the name is denied
	NoData                  // the type is denied
	PassThru                // nothing; no other rule is looked for
	Drop                    // there is no answer
	TCPOnly                 // over UDP the answer is truncated
	LocalData               // the rule's own records are the answer
	LogOnly                 // nothing but a line in the log; other rules are looked for
	actions
)

var actionNames = [...]string{"nxdomain", "nodata", "passthru", "drop", "tcp-only", "local-data",
	"log-only"}

// String returns the action's name in the configuration, and as a metric's label.
func (a Action) String() string { return actionNames[a] }

// Actions returns all actions.
func Actions() (all []Action) {
	for a := range actions {
		all = append(all, a)
	}
	return all
}

// rewrites reports whether the action changes what a client gets.
func (a Action) rewrites() bool { return a != PassThru && a != LogOnly }

// targets are the targets of CNAME records that are actions, in wire form.
var targets = map[string]Action{
	"\x00": NXDomain, "\x01*\x00": NoData, "\x0crpz-passthru\x00": PassThru,
	"\x08rpz-drop\x00": Drop, "\x0crpz-tcp-only\x00": TCPOnly,
}

// reserved is what the top label of a target begins with that is not a name of the DNS.
const reserved = "rpz-"

// decode returns the action of a rule whose CNAME record has a target, in wire form; rule is the
// name that it is about, in wire form without the root. An alias of the name to itself is how the
// first version of the format said that nothing is done.
func decode(target []byte, rule string) Action {
	if len(target) == 1 { // the root, which is what most rules have
		return NXDomain
	}
	if len(target) <= 14 {
		if a, ok := targets[strings.ToLower(string(target))]; ok {
			return a
		}
	}
	if len(target) == len(rule)+1 && strings.EqualFold(string(target[:len(rule)]), rule) {
		return PassThru
	}
	return LocalData
}

// isRecord reports whether records of a type may be a rule's own: those of the zone's own servers
// and signatures are not, and aliases of whole trees are not defined (section 3.6 of the draft).
func isRecord(t wire.Type) bool {
	switch t {
	case wire.TypeSOA, wire.TypeNS, wire.TypeDNAME, wire.TypeDS, wire.TypeDNSKEY, wire.TypeNSEC,
		wire.TypeNSEC3, wire.TypeNSEC3PARAM, wire.TypeRRSIG:
		return false
	}
	return true
}

// checkTarget returns what is wrong with the target of a rule's CNAME record.
func checkTarget(target []byte) error {
	n, ok := wire.TargetName(target)
	if !ok {
		return fmt.Errorf("its target is not a name")
	}
	if _, known := targets[n.Wire()]; !known && strings.HasPrefix(n.Ancestor(1).Label(), reserved) {
		return fmt.Errorf("%s is not an action", n)
	}
	return nil
}
