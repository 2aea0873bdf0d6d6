package wire

import (
	"errors"
	"strings"
	"testing"
)

// A name that somebody types with letters beyond ASCII is the one that browsers ask for (RFC 5891,
// section 5). Escaped octets stay octets, and what is no such name is refused, not taken as octets
// that nobody asks for (pi-hole/pi-hole #4436, lightswitch05/hosts #145).
func TestRFC5891ULabels(t *testing.T) {
	for in, want := range map[string]string{
		"bücher.example": "xn--bcher-kva.example.", "BÜCHER.Example.": "xn--bcher-kva.example.",
		"u\u0308ber.example":    "xn--ber-goa.example.", // ü of two runes
		"straße.example":        "xn--strae-oqa.example.",
		"_dmarc.bücher.x":       "_dmarc.xn--bcher-kva.x.",
		"*.bücher.x":            "*.xn--bcher-kva.x.",
		"例。jp":                  "xn--fsq.jp.",
		"ɢoogle.company":        "xn--oogle-wmc.company.",
		"xn--bcher-kva.x":       "xn--bcher-kva.x.",
		`b\195\188cher.x`:       `b\195\188cher.x.`,
		`a\.b.bücher.x`:         `a\.b.xn--bcher-kva.x.`,
		`\..ü`:                  `\..xn--tda.`,
		"☕.example":             "xn--53h.example.",
		"청와대.한국":                "xn--vk1b187a8ue.xn--3e0b707e.",
		`b\195ü.x`:              "",             // an octet and a letter
		"b\xfccher.x":           "",             // ISO 8859-1
		"\u202eabc.example":     "",             // turns the direction of writing
		"-ü.x":                  "xn----eha.x.", // browsers let hyphens stand anywhere
		"ü-.x":                  "xn----dha.x.",
		"ab--ü.x":               "xn--ab---3ra.x.",
		`bücher.x\`:             "", // the label that is open at the end is not lost
		`bücher.x\.`:            "xn--bcher-kva.x\\..",
		"＼046.example":          "", // is mapped to an escape,
		"ü＼.example":            "",
		"＊.example":             "", // to all names,
		"ü／x":                   "", // to what no host's name has
		"*ü.x":                  "",
		"ＷＷＷ＿１．x":               "www_1.x.",
		"ü..x":                  "",
		strings.Repeat("ü", 63): "", // as an A-label it is too long
	} {
		n, err := ParseName(in)
		var e *parseError
		if (err == nil) != (want != "") || err == nil && n.String() != want ||
			err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v, %v, want %q", in, n, err, want)
		}
	}
}
