// Trees of names: the public one, and one for each zone that the operator configured. Data of one
// tree do not answer questions of another.

package resolver

import (
	"bailiwick/cache"
	"bailiwick/wire"
)

// tree returns the apex of the configured zone that answers questions for a name and type, or the
// zero name for the public tree. See above for DS.
func (c *Config) tree(name wire.Name, t wire.Type) (apex wire.Name) {
	if z := c.configured(above(name, t)); z != nil {
		return z.Name
	}
	return apex
}

// above returns the name at or above which the servers that answer a question are delegated to. DS
// at a zone's apex is the parent's (RFC 4035, section 3.1.4.1).
func above(name wire.Name, t wire.Type) wire.Name {
	if t == wire.TypeDS && !name.IsRoot() {
		return name.Parent()
	}
	return name
}

// speaksFor reports whether cached data of a name, or of the zone with that name, may answer a
// question: both have to be of one tree.
func (m *memory) speaksFor(name wire.Name, k cache.Key) bool {
	return len(m.cfg.Zones) == 0 || m.cfg.tree(name, wire.TypeNone) == m.cfg.tree(k.Name, k.Type)
}

// ownTree reports whether a question is answered in the tree of its name's other types. For DS at
// the apex of a configured zone it is not: the parent's denial of the name, or its alias, would
// make the zone disappear.
func (m *memory) ownTree(k cache.Key) bool { return m.speaksFor(k.Name, k) }
