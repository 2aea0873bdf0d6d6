// Views, and what they and the configuration for all others consist of.

package migrate

import "strings"

// part is a value that either all clients have or those of a view.
type part struct {
	field string // of a view
	text  string // in YAML
	from  *directive
}

// partKeys are the keys that the fields of a view stand in place of.
var partKeys = map[string]string{"forward_zones": "resolver.forward_zones",
	"stub_zones": "resolver.stub_zones", "insecure": "trust_anchors.insecure",
	"local_zones": "policy.local_zones", "local_records": "policy.local_records",
	"ordinary_names": "policy.ordinary_names"}

// addParts adds what holds for all clients.
func (b *builder) addParts(parts []part) {
	for _, p := range parts {
		b.add(partKeys[p.field], p.text, p.from)
	}
}

// view is a view of any program. It has all of what it has itself: a field of which any other view
// or all others have something is written even if it is empty here.
type view struct {
	name          string
	clients, keys []string
	parts         []part
	more          []string // further fields
	at            *directive
}

// viewName returns a name that a view can have here.
func viewName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' ||
			r == '_' {
			return r
		}
		return '-'
	}, s)
	if name == "" || name == "default" {
		name = "view-" + name
	}
	return name[:min(len(name), 63)]
}

// write adds a view; all are the parts of all views and of all others.
func (v *view) write(b *builder, all []part) {
	fields := []string{"name: " + quote(viewName(v.name))}
	if len(v.clients) > 0 {
		fields = append(fields, "clients: "+quotes(v.clients))
	}
	if len(v.keys) > 0 {
		fields = append(fields, "tsig_keys: "+quotes(v.keys))
	}
	for _, field := range []string{"forward_zones", "stub_zones", "insecure", "local_zones",
		"local_records", "ordinary_names"} {
		var texts []string
		given := false
		for _, p := range all {
			given = given || p.field == field
		}
		for _, p := range v.parts {
			if p.field == field {
				texts = append(texts, p.text)
			}
		}
		if given {
			fields = append(fields, field+": ["+strings.Join(texts, ", ")+"]")
		}
	}
	b.add("views", "{"+strings.Join(append(fields, v.more...), ", ")+"}", v.at)
}
