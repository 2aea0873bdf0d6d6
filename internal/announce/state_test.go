package announce

import (
	"testing"
	"time"
)

// story is what is seen of a server, a letter for each second: f fine, p poor, e ending, s silent,
// a absent; and where its routes are after each: A announced, L lowered, - withdrawn.
type story struct {
	name       string
	rules      func(*Rules)
	seen, want string
}

var stories = []story{
	{"it is announced after checks in a row", nil,
		"ffpfffff", "-------A"},
	{"who was never well is not announced", nil,
		"eeeessspppp", "-----------"},
	{"one check that fails changes nothing", nil,
		"fffffpfsfppfssffff", "----AAAAAAAAAAAAAA"},
	{"a server that does not answer is withdrawn", nil,
		"fffffsss", "----AAA-"},
	{"a server that is poor is lowered, however long", nil,
		"fffffpppppppppp", "----AAALLLLLLLL"},
	{"and withdrawn when it does not answer any more", nil,
		"fffffpppppsss", "----AAALLLLL-"},
	{"poor and silent in turn is poor", nil,
		"fffffspspspspsp", "----AAALLLLLLLL"},
	{"without lower routes it is withdrawn", func(r *Rules) { r.Lower = false },
		"fffffppp", "----AAA-"},
	{"a server that ends is lowered at once, and then withdrawn", nil,
		"fffffeeeeeee", "----ALLLLL--"},
	{"or withdrawn at once", func(r *Rules) { r.Lower = false },
		"fffffe", "----A-"},
	{"who has told that it ends is not waited for", nil,
		"fffffees", "----ALL-"},
	{"one that does not end after all is announced again", nil,
		"fffffeefffff", "----ALLLLLLA"},
	{"lowered routes are raised after Hold", func(r *Rules) { r.Hold = 8 * time.Second },
		"fffffpppfffffffff", "----AAALLLLLLLLAA"},
	{"who flaps is held back twice as long", func(r *Rules) { r.Hold = 6 * time.Second },
		"fffffsssffffffffsssffffffffffffffff", "----AAA------AAAAA------------AAAAA"},
	{"and as at first after Calm", func(r *Rules) { r.Hold, r.Calm = 6*time.Second, 5*time.Second },
		"fffffsssffffffffsssfffffffffffff", "----AAA------AAAAA------AAAAAAAA"},
	{"a server that is not there is withdrawn", nil,
		"fffffaaa", "----AAA-"},
}

// Where routes are follows from what was seen, by rules that each have a story.
func TestStories(t *testing.T) {
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			if got := play(c); got != c.want {
				t.Errorf("\n%s seen\n%s got\n%s want", c.seen, got, c.want)
			}
		})
	}
}

// play returns where the routes are after each check of a story.
func play(c story) (places string) {
	r := DefaultRules()
	if c.rules != nil {
		c.rules(&r)
	}
	s, now := State{Rules: r}, time.Unix(1000, 0)
	for _, letter := range c.seen {
		now = now.Add(time.Second)
		h := map[rune]Health{'f': Fine, 'p': Poor, 'e': Ending, 's': Silent,
			'a': Absent}[letter]
		s.Went(now, s.Want(now, h), h)
		places += string("-LA"[s.Place])
	}
	return places
}
