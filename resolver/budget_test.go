package resolver

import (
	"testing"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// KeyTrap (CVE-2023-50387): the validation work of a fetch is charged to the client that waits
// longest. A client that cannot pay is ended, and the next pays; the fetch ends with the last of
// them.
func TestCVE2023_50387JudgingIsChargedToAClient(t *testing.T) {
	all := newFetches(nil, nil, 1)
	var first, second budget
	first.fill(all, nil, validator.NewBudget())
	second.fill(all, nil, validator.NewBudget())
	k := cache.Key{Name: example, Type: wire.TypeA}
	f, _ := all.join(fetchKey{Key: k}, &first, nil)
	if _, how := all.join(fetchKey{Key: k}, &second, nil); how != joinWait {
		t.Fatalf("the second: %d", how)
	}
	poor := map[*validator.Budget]bool{}
	var asked []*validator.Budget
	pay := func(b *validator.Budget, n int32) bool {
		asked = append(asked, b)
		return n == 7 && !poor[b]
	}
	if !f.Charge(cause.LimitSignatures, pay, 7) || len(asked) != 1 ||
		asked[0] != first.validation {
		t.Errorf("the first has not paid alone: %d", len(asked))
	}
	poor[first.validation] = true
	if !f.Charge(cause.LimitSignatures, pay, 7) || asked[len(asked)-1] != second.validation {
		t.Error("the second has not paid when the first could not")
	}
	if e := first.err(); e == nil || e.Cause != cause.LimitSignatures {
		t.Errorf("the first: %v", e)
	}
	if f.err() != nil || second.err() != nil {
		t.Errorf("over: %v, %v", f.err(), second.err())
	}
	poor[second.validation] = true
	if f.Charge(cause.LimitSignatures, pay, 7) || f.err() == nil || second.err() == nil {
		t.Error("it goes on though nobody pays")
	}
}
