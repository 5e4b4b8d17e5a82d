relevo_test(postscreen/trial_test.c screen)
relevo_test(postscreen/score_test.c screen)
relevo_test(postscreen/dialogue_test.c screen)
relevo_fuzz(screen_dialogue.c screen)
