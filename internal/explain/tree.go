// The report as a tree, for the renderers that draw: zones below their parents, data below their
// zones.

package explain

import (
	"fmt"
	"strings"
)

// The states of a node's link to the one above.
const (
	linkGood   = "secure"
	linkLoose  = "insecure"
	linkBroken = "bogus"
	linkSilent = "unchecked"
)

// node is a zone or a step in the tree.
type node struct {
	id       string
	zone     *Zone // nil for a step
	step     *Step
	link     string // its state
	children []*node
}

// tree returns the roots of the tree: zones that a trust anchor or nothing is above.
func (r *Report) tree() (roots []*node) {
	zones := map[string]*node{}
	for i := range r.Zones {
		z := &r.Zones[i]
		n := &node{id: fmt.Sprintf("zone%d", i), zone: z, link: linkOfStatus(z.Status)}
		zones[z.Name] = n
		if p := zones[z.Parent]; p != nil {
			p.children = append(p.children, n)
		} else {
			roots = append(roots, n)
		}
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		n := &node{id: fmt.Sprintf("step%d", i), step: s, link: linkOfStatus(s.Status)}
		if p := zones[r.holder(s)]; p != nil {
			p.children = append(p.children, n)
		} else {
			roots = append(roots, n)
		}
	}
	return roots
}

// linkOfStatus returns the state of the link above something of a status.
func linkOfStatus(status string) string {
	switch status {
	case "secure", "bogus", "unchecked":
		return status
	}
	return linkLoose
}

// holder returns the zone of the report that a step is drawn below: its own, or the deepest one
// above its name.
func (r *Report) holder(s *Step) (zone string) {
	if s.Zone != "" {
		return s.Zone
	}
	for i := range r.Zones {
		z := r.Zones[i].Name
		if (z == "." || s.Name == z || strings.HasSuffix(s.Name, "."+z)) && len(z) >= len(zone) {
			zone = z
		}
	}
	return zone
}

// title returns the heading of a node.
func (n *node) title() string {
	if n.zone != nil {
		return n.zone.Name
	}
	text := n.step.Name + " " + n.step.Type + ": " + n.step.Kind
	if n.step.Target != "" {
		text += " to " + n.step.Target
	}
	return text
}

// status returns the status of a node.
func (n *node) status() string {
	if n.zone != nil {
		return n.zone.Status
	}
	return n.step.Status
}

// fault returns what is wrong with a node, nil if nothing is.
func (n *node) fault() *Fault {
	if n.zone != nil {
		return n.zone.Fault
	}
	return n.step.Fault
}

// lines returns what there is to say of a node, besides its keys and DS records.
func (n *node) lines() (lines []string) {
	if n.zone != nil {
		for _, d := range n.zone.NoDS {
			lines = append(lines, "no DS: "+d)
		}
		lines = append(lines, signed(n.zone.DSSignatures)...)
		return append(lines, signed(n.zone.KeySignatures)...)
	}
	for _, r := range n.step.Records {
		lines = append(lines, strings.ReplaceAll(r, "\t", " "))
	}
	for _, d := range n.step.Denial {
		lines = append(lines, "proof: "+d)
	}
	return append(lines, signed(n.step.Signatures)...)
}

// signed returns a line for each signature.
func signed(sigs []Signature) (lines []string) {
	for i := range sigs {
		s := &sigs[i]
		mark := ""
		if s.Verified {
			mark = ", verified"
		}
		lines = append(lines, fmt.Sprintf("%s signed by %s key %d: %s%s", s.Covers, s.Signer,
			s.Tag, when(s), mark))
	}
	return lines
}
