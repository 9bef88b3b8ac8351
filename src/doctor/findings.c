/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The findings, and the result that they add up to.
 */
#include "doctor/findings.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finding {
	enum doctor_state state;
	const char *check;
	char *sentence, *mend;
};

/* Keeps a finding; mend is the command that mends it, or NULL. check must stay. */
void findings_add(struct findings *findings, enum doctor_state state, const char *check, const char *sentence,
	const char *mend)
{
	struct finding *list = reallocarray(findings->list, findings->n + 1, sizeof(*list));
	char *own_sentence = strdup(sentence), *own_mend = strdup(mend ? mend : "");

	if (!list || !own_sentence || !own_mend)
		err(EXIT_FAILURE, "what was found cannot be kept");
	findings->list = list;
	list[findings->n++] = (struct finding){state, check, own_sentence, own_mend};
	findings->count[state]++;
}

static void tell(const struct output *output, enum doctor_state state, const char *check,
	const char *sentence, const char *mend)
{
	static const char *const names[] = {"ok", "note", "problem", "unknown"};

	output->finding(&(struct report_finding){check, names[state], sentence, mend});
}

/* Tells what all findings add up to, which is returned. */
static enum doctor_state tell_result(const struct findings *findings, const struct output *output)
{
	const unsigned problems = findings->count[DOCTOR_PROBLEM], unseen = findings->count[DOCTOR_UNKNOWN];
	char seen[64] = "no problem was seen", sentence[160];

	if (problems)
		snprintf(seen, sizeof(seen), "problems: %u", problems);
	snprintf(sentence, sizeof(sentence), "%s; things that could not be looked at: %u", seen, unseen);
	if (problems)
		tell(output, DOCTOR_PROBLEM, "result", unseen ? sentence : seen, "");
	else if (unseen)
		tell(output, DOCTOR_UNKNOWN, "result", sentence, "");
	else
		tell(output, DOCTOR_OK, "result", "nothing is wrong", "");
	return problems ? DOCTOR_PROBLEM : unseen ? DOCTOR_UNKNOWN : DOCTOR_OK;
}

/* Prints all findings, those about what could not be looked at before the others, and the result, which is
 * returned: DOCTOR_PROBLEM if there is one, else DOCTOR_UNKNOWN if something was not looked at, else
 * DOCTOR_OK. */
enum doctor_state findings_tell(const struct findings *findings, const struct output *output)
{
	enum doctor_state state;

	output->head(OUTPUT_DOCTOR, false, false);
	for (size_t i = 0; i < 2 * findings->n; i++) {
		const struct finding *f = &findings->list[i % findings->n];

		if ((f->state == DOCTOR_UNKNOWN) == (i < findings->n))
			tell(output, f->state, f->check, f->sentence, f->mend);
	}
	state = tell_result(findings, output);
	output->tail();
	return state;
}

/* Frees what findings_add() has kept. */
void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->list[i].sentence);
		free(findings->list[i].mend);
	}
	free(findings->list);
}
