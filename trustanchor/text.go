package trustanchor

import (
	"fmt"

	"bailiwick/wire"
)

// Text returns what the set decides at each name that it decides at, in a form for comparison with
// another set's: [Changed] names those whose texts differ.
func (s *Set) Text() map[wire.Name]string {
	texts := map[wire.Name]string{}
	for n, anchors := range s.anchors {
		texts[n] += fmt.Sprintf("anchors %+v ", anchors)
	}
	for n := range s.negative {
		texts[n] += "negative "
	}
	for n, mode := range s.modes {
		texts[n] += fmt.Sprintf("mode %+v ", mode)
	}
	return texts
}
