package secret_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/secret"
)

const (
	password = "correct horse battery staple"
	// cheap is the hash of password with other parameters than today's.
	cheap = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
)

func TestPasswordHashAndCheck(t *testing.T) {
	p, ctx := secret.NewPasswords(2), t.Context()
	hash, err := p.Hash(ctx, secret.New(password))
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, password) {
		t.Fatalf("Hash = %q, %v", hash, err)
	}
	if again, _ := p.Hash(ctx, secret.New(password)); again == hash {
		t.Error("two hashes of one password are the same: the salt is not random")
	}
	for text, want := range map[string]bool{password: true, password + " ": false, "": false, strings.ToUpper(password): false} {
		if ok, stale, err := p.Check(ctx, hash, secret.New(text)); ok != want || stale || err != nil {
			t.Errorf("Check(%q) = %v, %v, %v", text, ok, stale, err)
		}
	}
}

func TestPasswordNoSuchUser(t *testing.T) {
	p := secret.NewPasswords(1)
	if ok, stale, err := p.Check(t.Context(), "", secret.New(password)); ok || stale || err != nil {
		t.Errorf("Check without a hash = %v, %v, %v", ok, stale, err)
	}
}

func TestPasswordStale(t *testing.T) {
	p := secret.NewPasswords(1)
	sum := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if ok, stale, err := p.Check(t.Context(), cheap+sum, secret.New(password)); ok || !stale || err != nil {
		t.Errorf("Check against weaker parameters = %v, %v, %v", ok, stale, err)
	}
}

func TestPasswordTooLong(t *testing.T) {
	p, ctx := secret.NewPasswords(1), t.Context()
	long := secret.New(strings.Repeat("a", secret.MaxPasswordLen+1))
	if _, err := p.Hash(ctx, long); !errors.Is(err, secret.ErrPasswordTooLong) {
		t.Errorf("Hash: %v", err)
	}
	if ok, _, err := p.Check(ctx, "", long); ok || err != nil {
		t.Errorf("Check = %v, %v", ok, err)
	}
	if _, err := p.Hash(ctx, secret.New(strings.Repeat("a", secret.MaxPasswordLen))); err != nil {
		t.Errorf("Hash of the longest: %v", err)
	}
}

// TestPasswordDamagedHash: a damaged row is an error, and never makes the check
// take gigabytes or minutes.
func TestPasswordDamagedHash(t *testing.T) {
	p := secret.NewPasswords(1)
	for _, hash := range []string{
		"x", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=1$AAAA$AAAA", "$argon2id$v=19$m=0,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=4294967295,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=1,p=0$AAAA$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1$*$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$*", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$argon2id$v=19$m=64,t=1,p=1$AAAA",
	} {
		if ok, _, err := p.Check(t.Context(), hash, secret.New(password)); ok || err == nil {
			t.Errorf("Check(%q) = %v, %v", hash, ok, err)
		} else if strings.Contains(err.Error(), "AAAA") {
			t.Errorf("the error holds the hash: %v", err)
		}
	}
}

// TestPasswordBound: with all slots taken, others wait until a slot is free or
// their request is gone.
func TestPasswordBound(t *testing.T) {
	p := secret.NewPasswords(1)
	release := make(chan struct{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var wait sync.WaitGroup
	started := make(chan struct{})
	wait.Go(func() {
		close(started)
		for {
			select {
			case <-release:
				return
			default:
				_, _, _ = p.Check(context.Background(), "", secret.New(password))
			}
		}
	})
	<-started
	refused := false
	for range 200 { // of two ready cases select may choose either: a free slot is no error
		if _, err := p.Hash(gone, secret.New(password)); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Hash of a request that is gone: %v", err)
			}
			refused = true
			break
		}
	}
	close(release)
	wait.Wait()
	if !refused {
		t.Error("a request that is gone waited for its slot all the same")
	}
}

func TestPasswordAtOnce(t *testing.T) {
	p := secret.NewPasswords(2)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	hash, err := p.Hash(ctx, secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 10 {
		wait.Go(func() {
			text := password
			if i%2 == 1 {
				text = "wrong " + password
			}
			if ok, _, err := p.Check(ctx, hash, secret.New(text)); err != nil || ok != (i%2 == 0) {
				t.Errorf("Check %d = %v, %v", i, ok, err)
			}
		})
	}
	wait.Wait()
}
