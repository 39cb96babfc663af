"""Ranking measures straight from their definitions, pair by pair and threshold by threshold."""


def auc(scores, labels):
    wins = pairs = 0.0
    for positive, yes in zip(scores, labels, strict=True):
        for negative, no in zip(scores, labels, strict=True):
            if yes and not no:
                pairs += 1
                wins += 1.0 if positive > negative else 0.5 if positive == negative else 0.0
    return wins / pairs


def average_precision(scores, labels):
    total, recall_before, area = sum(map(bool, labels)), 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = [bool(label) for score, label in zip(scores, labels, strict=True) if score >= threshold]
        recall = sum(taken) / total
        area += (recall - recall_before) * sum(taken) / len(taken)
        recall_before = recall
    return area
