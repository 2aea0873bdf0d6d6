package confine

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// account is a user with its groups.
type account struct {
	uid, gid int
	groups   []int
}

// ParseUser reads a user, as a name, a name and a group (bailiwick:dns), or numbers (65534:65534):
// those of a user that this machine has no name for, as in a container, need both.
func ParseUser(text string) error {
	_, err := findUser(text)
	return err
}

func findUser(text string) (a account, err error) {
	name, group, withGroup := strings.Cut(text, ":")
	u, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		u, err = user.LookupId(name)
	}
	switch {
	case err == nil:
		a.uid, err = strconv.Atoi(u.Uid)
		if err == nil {
			a.gid, err = strconv.Atoi(u.Gid)
		}
	case withGroup: // numbers, where there may be no list of users at all
		var bad error
		if a.uid, bad = strconv.Atoi(name); bad == nil {
			err = nil
		}
	}
	if err != nil || a.uid < 0 {
		return a, fmt.Errorf("%q is not a user of this machine: a name, or numbers as in "+
			"65534:65534", text)
	}
	if withGroup {
		a.gid, err = findGroup(group)
		a.groups = []int{a.gid}
	} else {
		a.groups, err = groupsOf(u)
	}
	switch {
	case err != nil:
		return a, err
	case a.uid == 0:
		return a, fmt.Errorf("%q is root, who may do everything: name another user", text)
	}
	return a, nil
}

// findGroup returns the number of a group.
func findGroup(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return n, nil
	}
	g, err := user.LookupGroup(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a group of this machine", text)
	}
	return strconv.Atoi(g.Gid)
}

// groupsOf returns all groups of a user.
func groupsOf(u *user.User) (groups []int, err error) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("the groups of %s: %w", u.Username, err)
	}
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		groups = append(groups, n)
	}
	return groups, nil
}
