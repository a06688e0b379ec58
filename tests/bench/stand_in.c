/* A stand-in for Lean's REPL that costs next to no CPU time: a JSON command on stdin, ended by a blank line, and a JSON
   answer with a blank line. It is not Lean: it reads no proof, and only looks for these words in the command:

     sleep:N  sleeps N ms      hang!  never answers      error!  answers with one error      sorry  with one sorry

   A command without `sleep:` sleeps FAKE_SLEEP_MS, a header FAKE_IMPORT_SLEEP_MS (0 when unset). The guard's question
   `#print "TOKEN"` is answered at once, with the token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE "\"pos\": {\"line\": 1, \"column\": 0}, \"endPos\": {\"line\": 1, \"column\": 6}"
#define MESSAGE "\"messages\": [{\"severity\": \"%s\", " PLACE ", \"data\": \"%.*s\"}], "

static long number_after(const char *command, const char *word, long otherwise) {
  const char *at = strstr(command, word);
  return at ? atol(at + strlen(word)) : otherwise;
}

static long from_environment(const char *name) {
  const char *value = getenv(name);
  return value ? atol(value) : 0;
}

static void say(const char *severity, const char *text, int length) { printf(MESSAGE, severity, length, text); }

static void answer(const char *command, long environment) {
  static const char token[] = "\"#print \\\"";
  const char *asked = strstr(command, token);
  fputs("{", stdout);
  if (asked) {
    asked += strlen(token);
    say("info", asked, (int)strcspn(asked, "\\"));
  } else {
    const char *import_sleep = strstr(command, "\"import ") ? "FAKE_IMPORT_SLEEP_MS" : "FAKE_SLEEP_MS";
    while (strstr(command, "hang!")) sleep(1000);
    usleep(1000 * (useconds_t)number_after(command, "sleep:", from_environment(import_sleep)));
    if (strstr(command, "error!")) say("error", "unsolved goals", 14);
    else if (strstr(command, "sorry")) {
      say("warning", "declaration uses 'sorry'", 24);
      fputs("\"sorries\": [{\"proofState\": 0, \"goal\": \"⊢ True\", " PLACE "}], ", stdout);
    }
  }
  printf("\"env\": %ld}\n\n", environment);
  fflush(stdout);
}

int main(void) {
  char *line = NULL, *command = calloc(1, 1);
  size_t room = 0, length = 0;
  long environment = 0;
  for (ssize_t read; (read = getline(&line, &room, stdin)) >= 0;) {
    if (strspn(line, " \t\r\n") < (size_t)read) {
      command = realloc(command, length + read + 1);
      memcpy(command + length, line, read + 1);
      length += read;
    } else if (length) {
      answer(command, environment++);
      length = 0;
    }
  }
  return 0;
}
