/* A ledger of accounts. */
#include <stddef.h>
#include <string.h>

#define LIMIT 3
#define ADD(left, right) ((left) + (right))

typedef long cents;

enum kind { DEPOSIT, WITHDRAWAL = 4 };

struct account;

typedef struct {
    enum kind kind;
    cents amount;
} entry;

struct account {
    char owner[16];
    cents balance;
    entry entries[LIMIT];
    struct account *next;
    int (*check)(const struct account *self, cents amount);
};

typedef struct account account_t;
typedef int (*visitor)(account_t *account, void *data);

static const char *const names[] = {"deposit", "withdrawal"};
int counter = 0, *latest;
extern cents total(const account_t *account);

static int admit(account_t *account, entry entry)
{
    cents amount = entry.amount;
    if (entry.kind == WITHDRAWAL) {
        cents amount = -entry.amount;
        account->balance = ADD(account->balance, amount);
        return 1;
    }
    account->balance += amount;
    counter++;
    return account->check ? account->check(account, amount) : 0;
}

cents total(const account_t *account)
{
    cents sum = 0;
    for (size_t index = 0; index < LIMIT; index++) {
        sum += account->entries[index].amount;
    }
    return sum;
}

static int visit(struct account *accounts, visitor visitor, void *data)
{
    int result = 0;
    for (struct account *each = accounts; each; each = each->next)
        result |= visitor(each, data);
    return result;
}

static int print(account_t *account, void *data)
{
    union { char bytes[8]; cents value; } both;
    both.value = total(account);
    memcpy(data, both.bytes, sizeof both);
    return strlen(names[DEPOSIT]) > sizeof(struct account);
}

int main(void)
{
    struct account account = { .owner = "a", .balance = 0 };
    entry first = { DEPOSIT, 5 };
    latest = &counter;
    if (!admit(&account, first))
        goto end;
    visit(&account, print, NULL);
end:
    return 0;
}
