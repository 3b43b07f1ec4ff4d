package ledger;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.*;

/** A ledger of accounts. */
public class Ledger<K extends Comparable<K>> {
    public static final int LIMIT = 3;
    private final List<Account> accounts = new ArrayList<>();
    private int first, last;

    enum Kind {
        DEPOSIT, WITHDRAWAL;

        boolean adds() {
            return this == DEPOSIT;
        }
    }

    interface Named {
        String UNKNOWN = "unknown";

        default String name() {
            return UNKNOWN;
        }
    }

    record Entry(Kind kind, long amount) {
        Entry {
            requireNonNull(kind);
        }

        long signed() {
            return kind.adds() ? amount : -amount;
        }
    }

    @interface Audited {
        String by() default "nobody";
    }

    static class Problem extends RuntimeException {
        final long amount;

        Problem(long amount) {
            super("lost " + amount);
            this.amount = amount;
        }
    }

    @Audited(by = "tests")
    static class Account implements Named {
        private final String owner;
        long balance;

        Account(String owner) {
            this.owner = owner;
        }

        @Override
        public String name() {
            return owner;
        }

        <T extends Entry> long admit(T entry) throws Problem {
            long balance = this.balance + entry.signed();
            if (balance < 0) {
                throw new Problem(balance);
            }
            this.balance = balance;
            return balance;
        }
    }

    public Map<K, Long> replay(Map<K, Account> named, Entry... entries) {
        BiFunction<Long, Long, Long> add = (left, right) -> left + right;
        Runnable later = new Runnable() {
            int count = 0;

            @Override
            public void run() {
                count += LIMIT;
            }
        };
        for (Entry entry : entries) {
            for (int index = 0; index < LIMIT; index++) {
                try {
                    accounts.get(index).admit(entry);
                } catch (Problem problem) {
                    last = (int) problem.amount;
                }
            }
        }
        Object any = named;
        if (any instanceof Account account) {
            first = add.apply(account.balance, 1L).intValue();
        }
        accounts.stream().map(Account::name).forEach(name -> System.out.println(name));
        later.run();
        return Map.of();
    }
}
