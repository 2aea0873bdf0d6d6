package netzones

import "bailiwick/wire"

// Approval is what the user has approved: a zone with all below it, of all networks or of some.
type Approval struct {
	Zone string `json:"zone"`
	// Network is the name of the only network that may have it; "" for any. Whoever runs another
	// network can give it the same name.
	Network string `json:"network,omitempty"`
	// Interface is the only interface whose network may have it; "" for any. It is never compared
	// with the name of a network, which somebody else has chosen.
	Interface string `json:"interface,omitempty"`
	By        string `json:"by"`
}

// Same reports whether two approvals are of the same zone and networks, whoever has given them.
func (p Approval) Same(o Approval) bool {
	p.By = o.By
	return p == o
}

// Holds reports whether a zone that a network has announced is approved.
func (p *Approval) Holds(n *Network, zone wire.Name) bool {
	of, err := wire.ParseName(p.Zone)
	return err == nil && zone.Within(of) && (p.Network == "" || p.Network == n.Name) &&
		(p.Interface == "" || p.Interface == n.Interface)
}
