// Telling a zone which of its keys are trusted (RFC 8145).

package trustanchor

import (
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
)

// maxSignalled is how many key tags fit a label, which has up to 63 octets: "_ta" and five octets
// each.
const maxSignalled = (63 - len("_ta")) / len("-ffff")

// signalName returns the name of the question that tells a zone which keys are its trust anchors,
// such as _ta-4f66-9728 at the root (RFC 8145, section 5.1). The other way, an EDNS option with the
// question for DNSKEY (section 4.1), is not used: neither Unbound, BIND nor Knot Resolver does, and
// a server or a middlebox that does not know it could drop the question on which trust depends.
func signalName(zone wire.Name, ds []wire.DS) (name wire.Name, ok bool) {
	var tags []uint16
	for _, d := range ds {
		tags = append(tags, d.KeyTag)
	}
	slices.Sort(tags)
	if tags = slices.Compact(tags); len(tags) == 0 {
		return name, false
	}
	var label strings.Builder
	label.WriteString("_ta")
	for _, t := range tags[:min(len(tags), maxSignalled)] {
		fmt.Fprintf(&label, "-%04x", t)
	}
	name, err := wire.ParseName(label.String() + "." + strings.TrimPrefix(zone.String(), "."))
	return name, err == nil // it may be too long
}
