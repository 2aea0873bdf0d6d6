// Limits: amounts that web servers can influence.

package weblist

import "time"

const (
	// MaxLists is how many lists may be fetched; the largest collections in use have some forty.
	MaxLists = 100
	// maxOctets is how long the text of a list may be: twice the largest lists in use, some three
	// million names.
	maxOctets = 64 << 20
	// maxTotal is how long the texts of all lists may be together.
	maxTotal = 512 << 20
	// maxFetches is how many lists are fetched at once; others wait, so that the memory that a
	// refresh takes does not grow with their number.
	maxFetches = 2
	// fetchTime is how long a fetch may take: a server that sends an octet now and then must not
	// hold the others up.
	fetchTime = 10 * time.Minute
	// shrinkTo is the part of its names, one in so many, that a list may come down to: a page that
	// says in plain text that the list has moved is a list of few names too.
	shrinkTo = 10
	// firstRetry is the pause after the first failure; it is doubled up to lastRetry. A server that
	// says when to come again is heeded up to maxRetryAfter.
	firstRetry    = 15 * time.Second
	lastRetry     = time.Hour
	maxRetryAfter = 24 * time.Hour
	// MinRefresh and MaxRefresh bound the time between two looks at a list.
	MinRefresh = time.Minute
	MaxRefresh = 30 * 24 * time.Hour
	// loadedPause is how long after the start a list that is on the disk is checked at the latest
	// if that is due.
	loadedPause = 10 * time.Second
	// settleTime is how long a new list waits for others that are being fetched, so that all are
	// put to use at once.
	settleTime = 10 * time.Second
	// saveEvery is how often the lists are saved at most.
	saveEvery = time.Minute
	// maxHeader is how long a validator of HTTP (an ETag) may be to be used.
	maxHeader = 1 << 10
)

// tick is how often the schedules are looked at.
const tick = time.Second
