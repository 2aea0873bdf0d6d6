package trustanchor

import (
	"strings"
	"testing"

	"bailiwick/wire"
)

// Operators name the file that Unbound has followed a zone in (NLnetLabs/unbound, issue 585). Its
// pending keys are not trusted by that, nor those that are revoked or removed.
func TestRFC5011UnboundsFileIsReadWithItsStates(t *testing.T) {
	const key = "257 3 13 oJMRESz5E4gYzS/q6XDrvU1qMPYIjCWzJaOau8XNEZeqCYKD5ar0IRd8KqXXFJkq" +
		"mVfRvMGPmM1x8fGAa2XhSA=="
	const head = "; autotrust trust anchor file\n;;id: . 1\n;;last_queried: 1258962400 ;;Mon Nov\n"
	for state, trusted := range map[string]bool{"0 [  START  ]": false, "1 [ ADDPEND ]": false,
		"2 [  VALID  ]": true, "3 [ MISSING ]": true, "4 [ REVOKED ]": false,
		"5 [ REMOVED ]": false} {
		set := &Set{}
		err := set.AddZoneFile(strings.NewReader(head+". 86400 IN DNSKEY "+key+
			" ;{id = 1 (ksk), size = 256b} ;;state="+state+
			" ;;count=0 ;;lastchange=1258962400 ;;Mon Nov 23\n"), "root.key")
		if err != nil {
			t.Fatal(err)
		}
		if _, has := set.At(wire.Root); has != trusted {
			t.Errorf("%s: trusted %v, want %v", state, has, trusted)
		}
	}
}
