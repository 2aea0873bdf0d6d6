// Package weblist fetches lists of names from web servers, again and again, and keeps the last good
// text of each: in memory, compressed, and in the state directory, so that a restart begins with
// it. It knows no DNS: what a text holds is counted by a function.
//
// A fetch replaces a text only if it is one. What is empty, cut off, too long, compressed, a page
// for people, or has few of the names that there were is refused, and the text in use stays.
package weblist
