// Package ledger keeps accounts.
package ledger

import (
	"errors"
	text "fmt"
	"sort"
)

// Cents is never a fraction.
type Cents int64

type Names = map[string]Cents

const (
	Limit       = 3
	first Cents = iota
)

var ErrOverdrawn = errors.New("overdrawn")

// Applier applies entries.
type Applier interface {
	Apply(entry Entry) (Cents, error)
	text.Stringer
}

type Entry struct {
	Amount, Fee Cents
	Note        string
}

type Account struct {
	Entry
	Owner   string
	entries []Entry
	names   Names
}

type Stack[T any] struct {
	items []T
}

func (s *Stack[T]) Push(item T) {
	s.items = append(s.items, item)
}

// New makes an account.
func New(owner string) *Account {
	return &Account{Owner: owner, names: Names{}}
}

func (a *Account) Apply(entry Entry) (balance Cents, err error) {
	if balance := a.Amount + entry.Amount; balance < 0 {
		return 0, ErrOverdrawn
	}
	a.entries = append(a.entries, entry)
	for index, entry := range a.entries {
		index := index + Limit
		balance += entry.Amount * Cents(index)
	}
	defer func() { err = nil }()
	return balance, err
}

func (a Account) String() string {
	return text.Sprintf("%s: %d", a.Owner, len(a.entries))
}

func describe(value interface{}) string {
	switch known := value.(type) {
	case Applier:
		return known.String()
	case error:
		return known.Error()
	}
	return "?"
}

func Replay(accounts []*Account, amounts ...Cents) (map[string]Cents, error) {
	result := make(map[string]Cents)
	var last error
	less := func(left, right int) bool { return accounts[left].Owner < accounts[right].Owner }
	sort.Slice(accounts, less)
	for _, account := range accounts {
		for _, amount := range amounts {
			balance, err := account.Apply(Entry{Amount: amount, Note: describe(account)})
			if err != nil {
				last = err
				continue
			}
			result[account.Owner] = balance + first
		}
	}
	stack := Stack[Cents]{}
	stack.Push(first)
	return result, last
}
