// Triggers: what the names of a policy zone stand for (section 4 of the draft).

package rpz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/wire"
)

// Trigger is what a rule is about.
type Trigger uint8

// The triggers, in the order of their precedence within a zone (section 5.5 of the draft).
const (
	ClientIP   Trigger = iota
	QName              // the name that is asked for
	ResponseIP         // an address in the answer
	NSDName            // the name of a server of the name's zone, or of one above it
	NSIP               // the address of such a server
	triggers
)

var triggerNames = [...]string{"client-ip", "qname", "response-ip", "nsdname", "nsip"}

// String returns the trigger's name as operators know it, and as a metric's label.
func (t Trigger) String() string { return triggerNames[t] }

// Triggers returns all triggers.
func Triggers() (all []Trigger) {
	for t := range triggers {
		all = append(all, t)
	}
	return all
}

// marks are the labels that end the names of triggers, but for those of QName.
var marks = map[string]Trigger{"rpz-client-ip": ClientIP, "rpz-ip": ResponseIP,
	"rpz-nsdname": NSDName, "rpz-nsip": NSIP}

// isMark reports whether names below a top label are about something else than questions for them.
func isMark(top string) bool { return strings.HasPrefix(top, reserved) }

// parsed is a trigger as it is read from an owner name.
type parsed struct {
	trigger  Trigger
	wildcard bool         // of QName and NSDName: it is for all names below
	prefix   netip.Prefix // of the others
}

// cut returns the part of an owner name, without the zone's, that is a trigger's name, in wire form
// without the root: without the mark of the trigger and the asterisk of a wildcard.
func cut(owner wire.Name, p parsed) string {
	own := owner.Wire()
	own = own[:len(own)-1]
	if p.wildcard {
		own = own[2:]
	}
	if p.trigger == NSDName {
		own = own[:len(own)-len("rpz-nsdname")-1]
	}
	return own
}

// parseTrigger reads the owner name of a rule, without the zone's.
func parseTrigger(owner wire.Name) (p parsed, err error) {
	top := owner.Ancestor(1).Label()
	p.trigger = QName
	if isMark(top) {
		t, ok := marks[top]
		if !ok {
			return p, fmt.Errorf("%q is the mark of no trigger", top)
		}
		if p.trigger = t; owner.Labels() == 1 {
			return p, errors.New("it has a mark, and nothing below it")
		}
	}
	if p.trigger == QName || p.trigger == NSDName {
		p.wildcard = owner.IsWildcard()
		return p, nil
	}
	var words []string
	for n := owner; n.Labels() > 1; n = n.Parent() {
		words = append(words, n.Label())
	}
	p.prefix, err = parsePrefix(words)
	return p, err
}

// parsePrefix reads a network from the labels of an owner name: the length of the prefix, and then
// the octets of an IPv4 address or the words of an IPv6 one, the last one first; "zz" stands for
// the words that are left out (section 4.1.1 of the draft).
func parsePrefix(words []string) (p netip.Prefix, err error) {
	bits, err := strconv.ParseUint(words[0], 10, 8)
	if err != nil {
		return p, fmt.Errorf("%q is not a length of a prefix", words[0])
	}
	words = slices.Clone(words[1:])
	slices.Reverse(words)
	var a netip.Addr
	if len(words) == 4 && !slices.Contains(words, "zz") {
		if a, err = netip.ParseAddr(strings.Join(words, ".")); err != nil {
			return p, err
		}
	} else if a, err = parseWords(words); err != nil {
		return p, err
	}
	if p, err = a.Prefix(int(bits)); err != nil || bits == 0 {
		return p, fmt.Errorf("an address of %d bits has no prefix of %d", a.BitLen(), bits)
	}
	if p.Addr() != a { // it may mean another network than it says
		return p, fmt.Errorf("%s has bits beyond the %d of its prefix", a, bits)
	}
	if a.Is4In6() {
		return p, fmt.Errorf("%s is an IPv4 address in disguise, and would never match", a)
	}
	return p, nil
}

// parseWords reads the words of an IPv6 address, in their order.
func parseWords(words []string) (a netip.Addr, err error) {
	gap := slices.Index(words, "zz")
	if gap >= 0 {
		rest := words[gap+1:]
		if slices.Contains(rest, "zz") || len(words) > 8 {
			return a, errors.New("zz stands for the words that are left out, and comes once")
		}
		words = slices.Concat(words[:gap], slices.Repeat([]string{"0"}, 9-len(words)), rest)
	}
	if len(words) != 8 {
		return a, fmt.Errorf("%d labels are neither an IPv4 nor an IPv6 address", len(words))
	}
	var b [16]byte
	for i, w := range words {
		v, err := strconv.ParseUint(w, 16, 16)
		if err != nil {
			return a, fmt.Errorf("%q is not part of an IPv6 address", w)
		}
		binary.BigEndian.PutUint16(b[2*i:], uint16(v))
	}
	return netip.AddrFrom16(b), nil
}
