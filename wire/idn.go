// Names with letters beyond ASCII.

package wire

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// lookUpProfile is how browsers look a label up (UTS 46, without what was for the transition from
// IDNA2003, and with hyphens anywhere), so that a name that is typed here is the one that they ask
// for. The characters of ASCII are for isLookedUp to judge, as it allows the underscore.
var lookUpProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false),
	idna.StrictDomainName(false), idna.CheckHyphens(false))

// ASCII returns a name in presentation form with A-labels in place of its U-labels (RFC 5890,
// section 2.3.2.1): xn--bcher-kva.example for bücher.example. What is in ASCII stays as it is, and
// so is each octet that is escaped (RFC 1035, section 5.1): \195\188 is two octets, and no letter.
// An error is about a label that is no U-label, and names its offset in s.
//
// Nobody asks for the octets of a U-label: browsers and libraries convert it first (RFC 5891,
// section 5), so that whoever blocks or forwards it as it stands would do so for no client.
func ASCII(s string) (string, error) {
	if isASCII(s) {
		return s, nil
	}
	var b strings.Builder
	for start, i := 0, 0; i <= len(s); i++ {
		switch {
		case i < len(s)-1 && s[i] == '\\':
			i++ // an escaped dot does not end the label
		case i >= len(s) || s[i] == '.':
			label := s[start:min(i, len(s))]
			if !isASCII(label) {
				if !utf8.ValidString(label) || strings.Contains(label, `\`) {
					return "", malformed("neither ASCII nor an internationalised label", start)
				}
				var err error
				if label, err = lookUpProfile.ToASCII(label); err != nil || !isLookedUp(label) {
					return "", malformed("not an internationalised label", start)
				}
			}
			b.WriteString(label)
			if i < len(s) {
				b.WriteByte('.')
			}
			start = i + 1
		}
	}
	return b.String(), nil
}

// isLookedUp reports whether what U-labels were mapped to has no other characters than those of
// host names, underscores, and the dots between labels. Others stand for something in a name's
// presentation form, as \ and * do, and nobody has typed them: U+FF3C is mapped to \.
func isLookedUp(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// isASCII reports whether a text has no other octets.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
